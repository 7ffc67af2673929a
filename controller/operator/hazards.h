// What will hurt a rollout of this workload, told at adoption and not discovered at 3 am. Pure functions of listed objects.
#pragma once

#include <string>
#include <vector>

#include "controller/engine/world.h"
#include "controller/kube/api.h"

namespace sluice::op {

struct Neighbours {
  std::vector<kube::Json> disruption_budgets;
  std::vector<kube::Json> autoscalers;
  std::vector<kube::Json> quotas;
};

// Lists them in the Rollout's namespace. A kind that cannot be listed is left out.
Neighbours neighbours_of(kube::Api& api, const std::string& ns);

// One sentence each: a PodDisruptionBudget with absolute minAvailable, other Services on the same pods that cannot be pinned,
// an autoscaler with long holds above 50 %, a quota without room for the canary.
std::vector<std::string> hazards(const engine::World& world, const Neighbours& neighbours);

}  // namespace sluice::op
