// The objects and patches that the executor sends, as pure functions; the shapes are those of docs/protocol.md.
#pragma once

#include <map>
#include <string>

#include "controller/engine/effect.h"
#include "controller/model/network.h"
#include "controller/model/rollout.h"
#include "controller/model/workload.h"

namespace sluice::op {

// The canary ReplicaSet from the Deployment's template. Its own labels are only sluice.dev/rollout: with the Deployment's
// labels its controller would adopt it at once; and no owner: a foreground delete of the Rollout would kill its pods.
kube::Json canary_replica_set(const model::Rollout& rollout, const kube::Json& deployment, const engine::CreateCanary& effect);

// V': V's selector and the canary's hash; V's ports without node ports.
kube::Json canary_service(const model::Rollout& rollout, const model::Service& service, const engine::PutCanaryService& effect);

// JSON patch that takes an idle ReplicaSet out of the Deployment's history, scaled up, in one request.
kube::Json borrow_patch(const model::Rollout& rollout, const std::string& deployment_uid, const engine::BorrowReplicaSet& effect);

// Merge patch that makes a ReplicaSet the Deployment's own: its labels, its owner, our marks away. With annotations it is the
// move of a proven canary; without, a borrowed set goes back to history, scaled to 0.
kube::Json owned_patch(const model::Deployment& deployment, const model::ReplicaSet& set, const std::string& seen,
                       const std::map<std::string, std::string>& annotations);

}  // namespace sluice::op
