// Everything that the operator can do to the world. An effect is a value; operator/executor.h carries it out.
// Every effect is either idempotent or carries the precondition that makes a repeated attempt harmless (invariant I10):
// `seen` is the resourceVersion that the decision was made on.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controller/kube/api.h"
#include "controller/model/rollout.h"
#include "controller/model/rollout_status.h"

namespace sluice::engine {

using kube::Json;
using kube::Name;

// R's status, as a whole. Precondition: R's resourceVersion.
struct WriteStatus {
  model::RolloutStatus status;
};
// The finalizer that lets us clean up before R goes.
struct AddFinalizer {};
struct RemoveFinalizer {};

// Marks and pause of the Deployment in one patch. `seen` also proves that the template is the one decided upon.
struct PatchDeployment {
  std::map<std::string, std::optional<std::string>> annotations;  // nullopt: remove
  std::optional<bool> paused;
  std::optional<int> progress_deadline_seconds;
  std::string seen;
};

// Selector and mark of a Service in one patch: all its traffic to one ReplicaSet. An empty hash takes the pin away.
struct PinService {
  std::string service;
  std::string hash;
  std::string seen;
};

// The canary ReplicaSet, from the Deployment's template, which must still have this digest.
struct CreateCanary {
  std::string name;
  int replicas = 0;
  std::string template_digest;
  std::int64_t revision = 0;
};
// An old ReplicaSet of the Deployment becomes the canary: owner and labels off, replicas on, in one patch.
struct BorrowReplicaSet {
  std::string name;
  int replicas = 0;
  std::int64_t revision = 0;
  std::string seen;
};
// ... and goes back to the Deployment's history, scaled to 0.
struct ReturnReplicaSet {
  std::string name;
  std::string seen;
};
struct ScaleReplicaSet {
  std::string name;
  int replicas = 0;
  std::string seen;
};
struct DeleteReplicaSet {
  std::string name;
  std::string uid;
};
// Annotations of a ReplicaSet.
struct AnnotateReplicaSet {
  std::string name;
  std::map<std::string, std::string> annotations;
  std::string seen;
};
// The move: the canary becomes the Deployment's own ReplicaSet with its pods running on.
struct MoveToDeployment {
  std::string name;
  int replicas = 0;      // the Deployment's, for the annotations of its controller
  int max_replicas = 0;  // with surge
  std::string seen;
};

// V': a copy of V's ports that selects the canary's hash. Repeating it re-points an existing one.
struct PutCanaryService {
  std::string name;
  std::string hash;
};
struct DeleteCanaryService {
  std::string name;
  std::string uid;
};

// The route's rules and our marks on it, in one patch with a test of `seen`.
struct PatchRoute {
  std::string route;
  Json rules;
  std::map<std::string, std::optional<std::string>> annotations;
  std::string seen;
  int canary_percent = 0;  // what the rules give the canary; for logs and tests
};

struct AnswerAction {
  std::string name;
  bool applied = false;
  std::string message;
};

// An answered action whose time to be read is over.
struct DeleteAction {
  std::string name;
  std::string uid;
};

// A Kubernetes event on the Rollout, once per transition, with its numbers.
struct Emit {
  std::string reason;
  std::string message;
  bool warning = false;
};

using Effect = std::variant<WriteStatus, AddFinalizer, RemoveFinalizer, PatchDeployment, PinService, CreateCanary, BorrowReplicaSet,
                            ReturnReplicaSet, ScaleReplicaSet, DeleteReplicaSet, AnnotateReplicaSet, MoveToDeployment, PutCanaryService,
                            DeleteCanaryService, PatchRoute, AnswerAction, DeleteAction, Emit>;

// "SetWeight 25% on httproute web", for logs.
std::string describe(const Effect& effect);

}  // namespace sluice::engine
