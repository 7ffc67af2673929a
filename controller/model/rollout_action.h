// RolloutAction: how people and pipelines act on a Rollout. An object of its own, so it has its own RBAC, its own audit
// entry and no conflict with GitOps.
#pragma once

#include <optional>
#include <string>

#include "common/core/time.h"
#include "controller/kube/json.h"
#include "controller/kube/object.h"

namespace sluice::model {

struct RolloutAction {
  enum class Kind { Abort, Retry, Promote, Unknown };
  kube::ObjectMeta meta;
  std::string rollout;
  Kind kind = Kind::Unknown;
  std::string action;         // as written
  std::int64_t revision = 0;  // run that the person saw; 0: not said
  std::string reason;
  std::string requested_by;
  std::string phase;                // "", Applied, Refused
  std::optional<Time> answered_at;  // as the operator wrote it
  bool answered() const { return !phase.empty(); }
};

RolloutAction parse_rollout_action(const kube::Json& object);

}  // namespace sluice::model
