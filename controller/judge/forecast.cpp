#include "controller/judge/forecast.h"

#include <algorithm>
#include <cmath>

namespace sluice::judge {
namespace {

constexpr double kNearlyAll = 0.999;

double baseline_per_canary(const TrialPlan& plan, const Outlook& outlook) {
  return plan.baseline == BaselineArm::Fresh ? 1 : (1 - outlook.weight) / outlook.weight;
}

bool usable(const Outlook& outlook) {
  return outlook.base > 0 && outlook.base < 1 && outlook.weight > 0 && outlook.weight < 1 && outlook.phi >= 1;
}

}  // namespace

std::optional<double> requests_for(double log_evidence, const Limit& limit, double p1, double p0, double baseline_per_canary, double phi) {
  if (!(p1 >= 0 && p1 < 1 && p0 > 0 && p0 < 1)) return std::nullopt;
  double information = 0;
  if (limit.theta == 0) {
    if (!(limit.delta > 0 && limit.delta < 1)) return std::nullopt;
    information = divergence(p1, limit.delta);
  } else {
    if (!(baseline_per_canary > 0) || !(p1 > 0)) return std::nullopt;
    const double q = nearest_baseline(limit, 1, p1, baseline_per_canary, p0);
    if (!(q > 0 && q < 1 && limit.at(q) > 0 && limit.at(q) < 1)) return std::nullopt;
    information = divergence(p1, limit.at(q)) + baseline_per_canary * divergence(p0, q);
  }
  if (!(information > 0) || !std::isfinite(information)) return std::nullopt;
  return std::max(0.0, log_evidence * phi / information);
}

std::optional<double> requests_to_fail(const TrialPlan& plan, const SloPlan& slo, const Outlook& outlook, double ratio) {
  if (slo.kind != SloPlan::Kind::ErrorRate && slo.kind != SloPlan::Kind::Latency) return std::nullopt;
  if (!usable(outlook)) return std::nullopt;
  const double p1 = std::min(kNearlyAll, ratio * outlook.base);
  const Limit limit = harm_limit(slo);
  if (!(p1 > limit.at(outlook.base))) return std::nullopt;
  return requests_for(std::log(1 / plan.alpha), limit, p1, outlook.base, baseline_per_canary(plan, outlook), outlook.phi);
}

std::optional<double> requests_to_pass(const TrialPlan& plan, const SloPlan& slo, const Outlook& outlook) {
  if (slo.is_gauge() || !usable(outlook)) return std::nullopt;
  std::optional<double> most;
  for (int i = 0; i < questions(slo); ++i) {
    const bool distribution = slo.kind == SloPlan::Kind::LatencyDistribution;
    const double base = distribution ? slo.bounds[static_cast<std::size_t>(i)].share : outlook.base;
    const Limit limit = health_limit(plan, slo, i);
    if (!(base < limit.at(base))) return std::nullopt;
    const auto requests = requests_for(std::log(1 / plan.beta), limit, base, base, baseline_per_canary(plan, outlook), outlook.phi);
    if (!requests) return std::nullopt;
    most = std::max({most.value_or(0), *requests, plan.min_requests});
  }
  return most;
}

}  // namespace sluice::judge
