#include "controller/judge/verdict.h"

#include <algorithm>
#include <cmath>

#include "controller/judge/sentence.h"

namespace sluice::judge {
namespace {

constexpr double kMinCoverage = 0.9;
constexpr double kIntervalAlpha = 0.05;
constexpr int kSilentTicks = 5;  // one or two lost scrapes are no news

double from_log(double log_e) { return std::exp(std::min(log_e, 690.0)); }  // stays finite

double divergence(double p, double q) {
  return p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
}

// Canary requests until the health test reaches 1/beta if the canary is as good as the baseline: what is missing over
// the information per request, I = min_s [kl(p0 || L(s)) + n0/n1 * kl(p0 || s)].
std::optional<double> forecast(const TrialPlan& plan, const SloPlan& slo, const SloTrial& trial) {
  if (!trial.baseline.known() || trial.canary_total.total <= 0 || trial.baseline_total.total <= 0) return std::nullopt;
  const Limit limit = health_limit(plan, slo);
  const double p = trial.baseline.guess();
  if (limit.at(p) >= kMinCoverage) return std::nullopt;
  const double n0 = trial.baseline_total.total / trial.canary_total.total;
  const double q = nearest_baseline(limit, 1, p, n0, p);
  if (!(q > 0 && q < 1 && limit.at(q) < 1)) return std::nullopt;
  const double information = divergence(p, limit.at(q)) + n0 * divergence(p, q);
  if (!(information > 0)) return std::nullopt;
  const double missing = std::log(1 / plan.beta) - trial.health.log_e;
  return std::max({0.0, missing * trial.spread.phi() / information, plan.min_requests - trial.canary_total.total});
}

SloVerdict slo_verdict(const TrialPlan& plan, const SloPlan& slo, const SloTrial& trial, int ticks) {
  SloVerdict v;
  v.name = slo.name;
  v.advisory = slo.weight <= 0;
  v.canary = trial.canary_total.ratio();
  v.baseline = trial.baseline_total.ratio();
  v.canary_requests = trial.canary_total.total;
  v.baseline_requests = trial.baseline_total.total;
  const auto absolute = objective_limit(plan, slo);
  const bool absolute_leads = absolute && (v.baseline_requests <= 0 || trial.absolute.log_e > trial.relative.log_e);
  v.limit = absolute_leads ? absolute->delta : harm_limit(slo).at(v.baseline);
  v.estimate = trial.ratio.value();
  v.phi = trial.spread.phi();
  v.interval = trial.interval.range(kIntervalAlpha, v.phi);
  const double log_e = log_evidence(slo, trial);
  v.evidence = from_log(log_e);
  v.needed = 1 / plan.alpha;
  v.health_evidence = from_log(trial.health.log_e);
  v.health_needed = 1 / plan.beta;
  const double share = v.estimate ? std::max(0.0, 1 - 1 / std::max(*v.estimate, 1.0)) : 1.0;
  v.excess_failures = share * trial.canary_total.bad;
  v.coverage = ticks > 0 ? static_cast<double>(trial.covered) / ticks : 0;
  v.silent_ticks = trial.silent;
  v.forecast_requests = forecast(plan, slo, trial);

  const bool healthy = trial.health.log_e >= std::log(1 / plan.beta) && v.canary_requests >= plan.min_requests &&
                       v.coverage >= kMinCoverage && trial.silent == 0;
  if (log_e >= std::log(1 / plan.alpha)) v.state = v.advisory ? SloVerdict::State::Breach : SloVerdict::State::Hold;
  else if (log_e >= std::log(1 / plan.alpha) / 2) v.state = SloVerdict::State::Hold;
  else if (trial.covered == 0 || trial.silent >= kSilentTicks) v.state = SloVerdict::State::NoData;
  else if (healthy) v.state = SloVerdict::State::Pass;
  else v.state = SloVerdict::State::Judging;
  return v;
}

// Those whose weighted evidence alone reaches 1/alpha; if none does, the one that gave most.
void mark_culprits(const TrialPlan& plan, const Trial& trial, std::vector<SloVerdict>& slos) {
  double weights = 0;
  for (const SloPlan& slo : plan.slos) weights += slo.weight;
  std::size_t most = 0;
  double highest = kLogZero;
  bool found = false;
  for (std::size_t i = 0; i < slos.size(); ++i) {
    if (plan.slos[i].weight <= 0) continue;
    const double e = std::log(plan.slos[i].weight / weights) + log_evidence(plan.slos[i], trial.slos[i]);
    if (e >= std::log(1 / plan.alpha)) {
      slos[i].state = SloVerdict::State::Breach;
      found = true;
    }
    if (e > highest) {
      highest = e;
      most = i;
    }
  }
  if (!found && most < slos.size()) slos[most].state = SloVerdict::State::Breach;
}

}  // namespace

Verdict verdict(const TrialPlan& plan, const Trial& trial) {
  Verdict v;
  v.ticks = trial.ticks;
  v.needed = 1 / plan.alpha;
  const double log_e = trial.slos.empty() ? 0 : log_evidence(plan, trial);
  v.evidence = from_log(log_e);
  v.peak_evidence = trial.peak == kLogZero ? 1 : from_log(trial.peak);
  const double hold = std::log(1 / plan.alpha) / 2;
  v.no_harm = log_e < 0 && trial.peak < hold;
  const SloTrial unseen;
  for (std::size_t i = 0; i < plan.slos.size(); ++i)
    v.slos.push_back(slo_verdict(plan, plan.slos[i], i < trial.slos.size() ? trial.slos[i] : unseen, trial.ticks));
  if (trial.failed) mark_culprits(plan, trial, v.slos);

  bool all_pass = trial.ticks >= plan.min_ticks;
  bool first = true;
  for (const SloVerdict& slo : v.slos) {
    if (slo.advisory) continue;
    all_pass = all_pass && slo.state == SloVerdict::State::Pass;
    v.canary_requests = first ? slo.canary_requests : std::min(v.canary_requests, slo.canary_requests);
    v.coverage = first ? slo.coverage : std::min(v.coverage, slo.coverage);
    first = false;
  }
  if (trial.failed) v.state = Verdict::State::Fail;
  else if (log_e >= hold) v.state = Verdict::State::Hold;
  else if (all_pass && !first) v.state = Verdict::State::Pass;

  for (std::size_t i = 0; i < v.slos.size(); ++i)
    v.slos[i].message = slo_sentence(plan, plan.slos[i], v.slos[i], i < trial.slos.size() ? trial.slos[i] : unseen);
  v.sentence = verdict_sentence(plan, v);
  return v;
}

std::string_view name(Verdict::State state) {
  switch (state) {
    case Verdict::State::Judging: return "Judging";
    case Verdict::State::Hold: return "Hold";
    case Verdict::State::Fail: return "Fail";
    case Verdict::State::Pass: return "Pass";
  }
  return "Judging";
}

std::string_view name(SloVerdict::State state) {
  switch (state) {
    case SloVerdict::State::NoData: return "NoData";
    case SloVerdict::State::Judging: return "Judging";
    case SloVerdict::State::Hold: return "Hold";
    case SloVerdict::State::Breach: return "Breach";
    case SloVerdict::State::Pass: return "Pass";
  }
  return "NoData";
}

}  // namespace sluice::judge
