#include "controller/operator/hazards.h"

#include <algorithm>

#include "common/core/percent.h"
#include "common/core/quantity.h"
#include "controller/model/read.h"

namespace sluice::op {

namespace read = model::read;
using kube::Json;

namespace {

bool selects(const Json& selector, const model::Labels& labels) {
  const auto wanted = read::texts(selector, {"matchLabels"});
  if (wanted.empty()) return false;
  for (const auto& [key, value] : wanted) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return true;
}

std::string name_of(const Json& object) { return read::text(object, {"metadata", "name"}); }

int most_canary_pods(const engine::World& world) {
  int most = 1;
  for (const model::Step& step : world.rollout.steps) {
    const int target = world.deployment->replicas;
    const int pods = step.replicas.empty() ? (step.weight * target + 99) / 100 : scaled_count(step.replicas, target).value_or(1);
    most = std::max(most, pods);
  }
  return world.rollout.rolling_capacity ? most : std::max(most, world.deployment->replicas);
}

// The quota on the number of pods; requests of CPU and memory depend on the template of the day.
void look_at_quota(const engine::World& world, const Json& quota, std::vector<std::string>& found) {
  const auto hard = parse_quantity(read::text(quota, {"status", "hard", "pods"}));
  const auto used = parse_quantity(read::text(quota, {"status", "used", "pods"}));
  if (!hard || !used) return;
  const int need = most_canary_pods(world);
  if (*used + need <= *hard) return;
  found.push_back("ResourceQuota " + name_of(quota) + " allows " + std::to_string(static_cast<int>(*hard)) + " pods and " +
                  std::to_string(static_cast<int>(*used)) + " exist, but the canary needs up to " + std::to_string(need) +
                  " more: raise it, or set promotion.capacity to Rolling");
}

}  // namespace

Neighbours neighbours_of(kube::Api& api, const std::string& ns) {
  Neighbours found;
  kube::ListOptions options;
  options.ns = ns;
  const auto list = [&](const kube::Resource& resource, std::vector<Json>& into) {
    if (auto listed = api.list(resource, options)) into = std::move(listed->items);
  };
  list(kube::resources::kPodDisruptionBudgets, found.disruption_budgets);
  list(kube::resources::kHorizontalPodAutoscalers, found.autoscalers);
  list(kube::resources::kResourceQuotas, found.quotas);
  return found;
}

std::vector<std::string> hazards(const engine::World& world, const Neighbours& neighbours) {
  std::vector<std::string> found;
  if (!world.deployment) return found;
  for (const Json& budget : neighbours.disruption_budgets) {
    const Json& min = read::at(budget, {"spec", "minAvailable"});
    if (!min.is_number_integer() || !selects(read::at(budget, {"spec", "selector"}), world.deployment->template_labels)) continue;
    found.push_back("PodDisruptionBudget " + name_of(budget) + " has minAvailable " + min.dump() +
                    " as a number: canary pods count, so a drain may evict that many more baseline pods; use maxUnavailable");
  }
  for (const engine::FrontService& front : world.services)
    if (front.selects_strangers)
      found.push_back("Service " + front.service.meta.name + " selects pods of Deployment " + world.rollout.target +
                      " and others, so it cannot be pinned: it will send traffic to canary pods");
  for (const Json& scaler : neighbours.autoscalers) {
    if (read::text(scaler, {"spec", "scaleTargetRef", "kind"}) != "Deployment" ||
        read::text(scaler, {"spec", "scaleTargetRef", "name"}) != world.rollout.target)
      continue;
    constexpr Duration kLong{60'000};
    for (const model::Step& step : world.rollout.steps)
      if (step.weight > 50 && step.hold > kLong)
        found.push_back("HorizontalPodAutoscaler " + name_of(scaler) + " may scale the idle stable pods in while " +
                        std::to_string(step.weight) + "% is held for " + format_duration(step.hold) + ": keep steps above 50% short");
  }
  for (const Json& quota : neighbours.quotas) look_at_quota(world, quota, found);
  return found;
}

}  // namespace sluice::op
