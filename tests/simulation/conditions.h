// The `conditions` lists of Deployments and ReplicaSets.
#pragma once

#include <string>

#include "common/core/time.h"
#include "tests/simulation/json_access.h"

namespace sluice::simulation {

struct Condition {
  std::string type;
  std::string status;
  std::string reason;
  std::string message;
};

// Null when the status has none of this type.
const Json* find_condition(const Json& status, const std::string& type);
// Leaves a condition of equal status and reason as it is; keeps lastTransitionTime where only the reason changes.
void set_condition(Json& status, const Condition& condition, Time now);
// Like set_condition, but an equal one gets a new lastUpdateTime: progress was made.
void refresh_condition(Json& status, const Condition& condition, Time now);
void remove_condition(Json& status, const std::string& type);

}  // namespace sluice::simulation
