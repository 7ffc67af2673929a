// What the operator knows of the cluster: one informer per kind of object, typed and small.
//
// merge() of an informer takes the result of a write of ours, so that the next observation sees it. Thread-safe as informers
// are; register handlers before the first run.
#pragma once

#include <functional>
#include <set>

#include "common/core/clock.h"
#include "controller/kube/informer.h"
#include "controller/model/network.h"
#include "controller/model/rollout.h"
#include "controller/model/rollout_action.h"
#include "controller/model/workload.h"

namespace sluice::op {

struct Caches {
  // `ns`: the only namespace that is watched; empty: all.
  Caches(kube::Api& api, const std::string& ns, const Clock& clock, std::function<double()> unit,
         std::function<void(const std::string& kind, const Error&)> on_error = nullptr);

  kube::Informer<model::Rollout> rollouts;
  kube::Informer<model::RolloutAction> actions;
  kube::Informer<model::Deployment> deployments;
  kube::Informer<model::ReplicaSet> replica_sets;
  kube::Informer<model::Pod> pods;
  kube::Informer<model::Service> services;
  kube::Informer<model::EndpointSlice> slices;
  kube::Informer<model::HttpRoute> routes;

  // Calls `use` with each informer, in an order in which owners come before what they own.
  template <typename Use>
  void each(Use use) {
    use(rollouts);
    use(actions);
    use(deployments);
    use(replica_sets);
    use(pods);
    use(services);
    use(slices);
    use(routes);
  }
  bool synced();

  // Tells `add` which Rollouts a change of any object may concern; also names of Rollouts that are no more, of which something
  // is left. Call once, before the informers run.
  void on_concern(std::function<void(const kube::Name& rollout)> add);
  // All of these names, as the caches stand now.
  std::set<kube::Name> concerned() const;
};

}  // namespace sluice::op
