#include "controller/judge/verdict.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "controller/judge/forecast.h"
#include "controller/judge/sentence.h"

namespace sluice::judge {
namespace {

using Kind = SloPlan::Kind;

constexpr double kMinCoverage = 0.9;
constexpr double kIntervalAlpha = 0.05;
constexpr int kSilentTicks = 5;  // one or two lost scrapes are no news
constexpr std::array<double, 3> kQuantiles{0.5, 0.95, 0.99};

double from_log(double log_e) { return std::exp(std::min(log_e, 690.0)); }  // stays finite

double phi_of(const SloRules& rules, const Question& question) {
  if (rules.phi > 0) return rules.phi;
  return rules.kind == Kind::Gauge ? 1 : question.spread.phi();
}

// Canary requests until every question's health test reaches 1/beta if the canary is as good as the baseline.
std::optional<double> forecast(const TrialPlan& plan, const SloRules& rules, const SloTrial& trial) {
  if (rules.kind == Kind::Gauge || rules.kind == Kind::GaugeComparison || trial.canary_requests <= 0 || trial.baseline_requests <= 0)
    return std::nullopt;
  double most = plan.min_requests - trial.canary_requests;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rules.questions); ++i) {
    const Question& question = trial.questions[i];
    if (!question.baseline.known()) return std::nullopt;
    const double p = question.baseline.usual();
    if (rules.kind != Kind::LatencyDistribution && rules.health[i].at(p) >= kMinCoverage) return std::nullopt;
    const auto requests = requests_for(std::log(1 / plan.beta) - question.health.log_e, rules.health[i], p, p,
                                       trial.baseline_requests / trial.canary_requests, phi_of(rules, question));
    if (!requests) return std::nullopt;
    most = std::max(most, *requests);
  }
  return std::max(0.0, most);
}

// The question that speaks loudest against the canary.
std::size_t loudest(const SloRules& rules, const SloTrial& trial) {
  std::size_t at = 0;
  for (int i = 1; i < rules.questions; ++i)
    if (log_evidence(rules, trial, i) > log_evidence(rules, trial, static_cast<int>(at))) at = static_cast<std::size_t>(i);
  return at;
}

std::vector<QuantileRow> quantiles(const SloPlan& slo, const SloRules& rules, const SloTrial& trial) {
  Above canary{}, baseline{};
  double phi = 1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rules.questions); ++i) {
    canary[i] = trial.questions[i].canary_bad;
    baseline[i] = trial.questions[i].baseline_bad;
    phi = std::max(phi, phi_of(rules, trial.questions[i]));
  }
  std::vector<QuantileRow> rows;
  for (const double q : kQuantiles) {
    const QuantileRow row{q, quantile_range(slo.bounds, canary, trial.canary_requests, q, kIntervalAlpha, phi),
                          quantile_range(slo.bounds, baseline, trial.baseline_requests, q, kIntervalAlpha, phi)};
    if (row.canary.known() || row.baseline.known()) rows.push_back(row);
  }
  return rows;
}

std::optional<Concentration> concentration(const PodShares& pods) {
  const PodBad worst = pods.worst();
  if (worst.pod == 0 || pods.pods < 2 || pods.bad <= 0) return std::nullopt;
  return Concentration{worst.pod, pods.pods, std::min(1.0, worst.bad / pods.bad)};
}

// What was counted: canary, baseline, limit, estimate and what depends on them.
void describe(const TrialPlan& plan, const SloPlan& slo, const SloRules& rules, const SloTrial& trial, SloVerdict& v) {
  if (rules.kind == Kind::GaugeComparison) {
    v.canary = trial.gauge.canary_mean;
    v.baseline = trial.gauge.baseline_mean;
    const double sign = slo.lower_is_worse ? -1 : 1;
    v.limit = v.baseline + sign * (slo.relative * std::abs(v.baseline) + slo.absolute);
    v.phi = std::max(1.0, rules.phi);
    return;
  }
  const std::size_t at = loudest(rules, trial);
  const Question& question = trial.questions[at];
  v.canary = trial.canary(static_cast<int>(at)).ratio();
  v.phi = phi_of(rules, question);
  if (rules.kind == Kind::Gauge) {
    v.limit = slo.breach_share;
    return;
  }
  v.baseline = trial.baseline(static_cast<int>(at)).ratio();
  v.canary_requests = trial.canary_requests;
  v.baseline_requests = trial.baseline_requests;
  const auto absolute = objective_limit(plan, slo);
  const bool absolute_leads = absolute && (v.baseline_requests <= 0 || trial.absolute.log_e > question.relative.log_e);
  Limit limit = rules.harm[at].limit;
  limit.theta = std::max(limit.theta, trial.widened);
  v.limit = absolute_leads ? absolute->delta : limit.at(v.baseline);
  v.estimate = question.ratio.value();
  if (rules.kind == Kind::LatencyDistribution) {
    v.bound = slo.bounds[at].seconds;
    v.quantiles = quantiles(slo, rules, trial);
  } else {
    v.interval = trial.interval.range(kIntervalAlpha, v.phi);
  }
  const double share = v.estimate ? std::max(0.0, 1 - 1 / std::max(*v.estimate, 1.0)) : 1.0;
  v.excess_failures = share * question.canary_bad;
  v.concentration = concentration(trial.pods);
}

SloVerdict slo_verdict(const Rules& all, std::size_t i, const SloTrial& trial, int ticks) {
  const TrialPlan& plan = all.plan();
  const SloPlan& slo = plan.slos[i];
  const SloRules& rules = all.slos()[i];
  SloVerdict v;
  v.name = slo.name;
  v.advisory = slo.weight <= 0;
  v.hold_only = !v.advisory && rules.log_weight == kLogZero;
  describe(plan, slo, rules, trial, v);
  const double log_e = log_evidence(rules, trial);
  const double log_h = log_health(rules, trial);
  v.evidence = from_log(log_e);
  v.needed = 1 / plan.alpha;
  v.health_evidence = from_log(log_h);
  v.health_needed = 1 / plan.beta;
  v.coverage = ticks > 0 ? static_cast<double>(trial.covered) / ticks : 0;
  v.silent_ticks = trial.silent;
  v.forecast_requests = forecast(plan, rules, trial);

  const bool enough = slo.is_gauge() || v.canary_requests >= plan.min_requests;
  const bool healthy = log_h >= std::log(1 / plan.beta) && enough && v.coverage >= kMinCoverage && trial.silent == 0;
  if (log_e >= all.log_fail()) v.state = v.advisory ? SloVerdict::State::Breach : SloVerdict::State::Hold;
  else if (log_e >= all.log_hold()) v.state = SloVerdict::State::Hold;
  else if (trial.covered == 0 || trial.silent >= kSilentTicks) v.state = SloVerdict::State::NoData;
  else if (healthy) v.state = SloVerdict::State::Pass;
  else v.state = SloVerdict::State::Judging;
  return v;
}

// Those whose weighted evidence alone reaches 1/alpha; if none does, the one that gave most.
void mark_culprits(const Rules& rules, const Trial& trial, std::vector<SloVerdict>& slos) {
  std::size_t most = slos.size();
  double highest = kLogZero;
  bool found = false;
  for (std::size_t i = 0; i < slos.size() && i < trial.slos.size(); ++i) {
    if (rules.slos()[i].log_weight == kLogZero) continue;
    const double e = rules.slos()[i].log_weight + log_evidence(rules.slos()[i], trial.slos[i]);
    if (e >= rules.log_fail()) {
      slos[i].state = SloVerdict::State::Breach;
      found = true;
    }
    if (most == slos.size() || e > highest) {
      highest = e;
      most = i;
    }
  }
  if (!found && most < slos.size()) slos[most].state = SloVerdict::State::Breach;
}

Verdict judged(const Rules& rules, const Trial& trial, bool ended) {
  const TrialPlan& plan = rules.plan();
  Verdict v;
  v.ticks = trial.ticks;
  v.needed = 1 / plan.alpha;
  v.guarantee = plan.calibration.done() ? Guarantee::Replayed : Guarantee::Estimated;
  v.replays = plan.calibration.windows;
  const double log_e = trial.slos.empty() ? 0 : log_evidence(rules, trial);
  v.evidence = from_log(log_e);
  v.peak_evidence = trial.peak == kLogZero ? 1 : from_log(trial.peak);
  const SloTrial unseen;
  const auto state_of = [&](std::size_t i) -> const SloTrial& { return i < trial.slos.size() ? trial.slos[i] : unseen; };
  for (std::size_t i = 0; i < plan.slos.size(); ++i) v.slos.push_back(slo_verdict(rules, i, state_of(i), trial.ticks));
  if (trial.failed) mark_culprits(rules, trial, v.slos);

  bool all_pass = trial.ticks >= plan.min_ticks, any = false, counted = false, held = log_e >= rules.log_hold(), decides = false;
  v.no_harm = !trial.held;
  for (std::size_t i = 0; i < v.slos.size(); ++i) {
    const SloVerdict& slo = v.slos[i];
    if (slo.advisory) continue;
    all_pass = all_pass && slo.state == SloVerdict::State::Pass;
    held = held || (slo.hold_only && slo.state == SloVerdict::State::Hold);
    v.no_harm = v.no_harm && (!slo.hold_only || slo.evidence <= 1);
    decides = decides || !slo.hold_only;
    v.coverage = any ? std::min(v.coverage, slo.coverage) : slo.coverage;
    any = true;
    if (plan.slos[i].is_gauge()) continue;
    v.canary_requests = counted ? std::min(v.canary_requests, slo.canary_requests) : slo.canary_requests;
    counted = true;
  }
  v.no_harm = v.no_harm && (!decides || log_e < 0);
  if (trial.failed) v.state = Verdict::State::Fail;
  else if (held) v.state = Verdict::State::Hold;
  else if (all_pass && any) v.state = Verdict::State::Pass;
  if (ended && v.state != Verdict::State::Fail && v.state != Verdict::State::Pass) v.state = Verdict::State::Inconclusive;

  for (std::size_t i = 0; i < v.slos.size(); ++i) v.slos[i].message = slo_sentence(plan, i, v.slos[i], state_of(i));
  v.sentence = verdict_sentence(plan, v);
  return v;
}

Verdict judged(const TrialPlan& plan, const Trial& trial, bool ended) {
  if (const auto rules = Rules::of(plan)) return judged(*rules, trial, ended);
  Verdict v;
  for (const SloPlan& slo : plan.slos) {
    v.slos.emplace_back();
    v.slos.back().name = slo.name;
    v.slos.back().message = slo.name + ": no data yet";
  }
  v.sentence = "the plan cannot be judged by: " + check(plan).error().message;
  return v;
}

}  // namespace

Verdict verdict(const Rules& rules, const Trial& trial) { return judged(rules, trial, false); }
Verdict verdict(const TrialPlan& plan, const Trial& trial) { return judged(plan, trial, false); }
Verdict final_verdict(const TrialPlan& plan, const Trial& trial) { return judged(plan, trial, true); }

std::string_view name(Verdict::State state) {
  switch (state) {
    case Verdict::State::Judging: return "Judging";
    case Verdict::State::Hold: return "Hold";
    case Verdict::State::Fail: return "Fail";
    case Verdict::State::Pass: return "Pass";
    case Verdict::State::Inconclusive: return "Inconclusive";
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
