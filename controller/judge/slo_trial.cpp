#include "controller/judge/slo_trial.h"

#include <algorithm>
#include <cmath>

#include "controller/judge/pod_spread.h"

namespace sluice::judge {
namespace {

using Kind = SloPlan::Kind;

constexpr int kMaxWaiting = 4;  // ticks that may be merged; drift within them is not cancelled any more
constexpr int kBlockTicks = 4;  // of a gauge: neighbouring values are too alike to count one by one
constexpr int kBlocksForScale = 3;
constexpr double kSeedRequests = 200;    // weight of the share that a bound was chosen with
constexpr double kLargestValue = 1e150;  // of a gauge: its square is still a number

double tempering(const SloRules& rules, const Question& question) { return rules.phi > 0 ? rules.phi : question.spread.phi(); }

// Everything of a tick, or of several merged ones, in which both arms had requests.
void judge_pair(SloTrial& trial, const SloRules& rules, double canary_requests, double baseline_requests, double factor) {
  trial.widened = factor > rules.harm[0].limit.theta ? factor : 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rules.questions); ++i) {
    Question& question = trial.questions[i];
    const Counts canary{canary_requests, question.waiting_canary}, baseline{baseline_requests, question.waiting_baseline};
    question.waiting_canary = question.waiting_baseline = 0;
    const double phi = tempering(rules, question);
    if (question.baseline.known()) {
      HarmTest harm = rules.harm[i];
      harm.limit.theta = std::max(harm.limit.theta, factor);
      update(question.relative, harm, canary, baseline, question.baseline.guess(), phi, question.baseline.usual());
      // Of the usual rate, so that an outage in both arms is unusual for as long as it lasts.
      if (!rules.harm_only) update(question.health, rules.health[i], canary, baseline, question.baseline.usual(), phi);
    }
    question.ratio.add(canary, baseline);
    if (rules.questions == 1 && !rules.harm_only) trial.interval.add(canary, baseline);
    if (!(rules.phi > 0)) question.spread.add(canary, baseline, question.ratio.shrunk());
    question.baseline_bad += baseline.bad;
    question.baseline.learn(baseline, phi);
  }
  trial.baseline_requests += baseline_requests;
}

double bad(const SloRules& rules, const Counts& counts, const Above& above, std::size_t question) {
  return rules.kind == Kind::LatencyDistribution ? above[question] : counts.bad;
}

void judge_requests(SloTrial& trial, const SloRules& rules, const SloTick& tick, int ticks) {
  if (!tick.present || (tick.canary.total <= 0 && tick.baseline.total <= 0)) {
    ++trial.silent;
    if (!tick.present) drop_waiting(trial);
    return;
  }
  trial.silent = 0;
  trial.covered = std::min(ticks, trial.covered + 1 + std::max(0, tick.bridges));
  trial.pods.add(tick.worst_pods, tick.canary_pods);
  trial.canary_requests += tick.canary.total;
  trial.waiting_canary += tick.canary.total;
  trial.waiting_baseline += tick.baseline.total;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rules.questions); ++i) {
    Question& question = trial.questions[i];
    const double canary = bad(rules, tick.canary, tick.canary_above, i);
    question.canary_bad += canary;
    question.waiting_canary += canary;
    question.waiting_baseline += bad(rules, tick.baseline, tick.baseline_above, i);
  }
  if (rules.has_objective) update(trial.absolute, rules.objective, tick.canary, {}, 0.5, tempering(rules, trial.questions[0]));

  ++trial.waiting_ticks;
  if (trial.waiting_canary > 0 && trial.waiting_baseline > 0) {
    const double canary = trial.waiting_canary, baseline = trial.waiting_baseline;
    trial.waiting_canary = trial.waiting_baseline = 0;
    trial.waiting_ticks = 0;
    judge_pair(trial, rules, canary, baseline, pod_factor(rules.pod_spread, tick.canary_pods, tick.baseline_pods));
  } else if (trial.waiting_ticks >= kMaxWaiting) {
    drop_waiting(trial);
  }
}

// Usual spread of a block's mean: given, or half the mean square step between the blocks so far, which a slow drift does not widen.
double block_scale(const SloRules& rules, const GaugeTrial& gauge) {
  if (rules.gauge.scale > 0) return rules.gauge.scale;
  if (gauge.blocks < kBlocksForScale) return 0;
  const double floor = 1e-6 * std::abs(gauge.last) + 1e-300;  // of values that never move
  return std::max(floor, std::sqrt(gauge.steps / (2.0 * (gauge.blocks - 1))));
}

void judge_comparison(GaugeTrial& gauge, const SloRules& rules, double canary, double baseline) {
  const double sign = rules.gauge.lower_is_worse ? -1 : 1;
  const auto beyond = [&](double relative, double absolute) {
    return sign * (canary - baseline) - relative * std::abs(baseline) - absolute;
  };
  gauge.block_harm += beyond(rules.gauge.relative, rules.gauge.absolute);
  gauge.block_health -= beyond(rules.health_relative, rules.health_absolute);
  if (++gauge.block_ticks < kBlockTicks) return;
  const double harm = gauge.block_harm / kBlockTicks, health = gauge.block_health / kBlockTicks;
  gauge.block_harm = gauge.block_health = 0;
  gauge.block_ticks = 0;
  if (const double scale = block_scale(rules, gauge); scale > 0) {  // of earlier blocks only
    const double phi = std::max(1.0, rules.phi);
    update(gauge.harm, harm / scale, rules.alpha, phi);
    update(gauge.health, health / scale, rules.alpha, phi);
  }
  if (gauge.blocks > 0) gauge.steps += (harm - gauge.last) * (harm - gauge.last);
  gauge.last = harm;
  ++gauge.blocks;
}

void judge_values(SloTrial& trial, const SloRules& rules, const SloTick& tick, int ticks) {
  const bool compares = rules.kind == Kind::GaugeComparison;
  if (!tick.present || !std::isfinite(tick.canary_value) || (compares && !std::isfinite(tick.baseline_value))) {
    ++trial.silent;
    return;
  }
  trial.silent = 0;
  trial.covered = std::min(ticks, trial.covered + 1);
  const double canary = std::clamp(tick.canary_value, -kLargestValue, kLargestValue);
  trial.canary_requests += 1;
  trial.gauge.canary_mean += (canary - trial.gauge.canary_mean) / trial.canary_requests;
  double baseline = 0;
  if (std::isfinite(tick.baseline_value)) {
    baseline = std::clamp(tick.baseline_value, -kLargestValue, kLargestValue);
    trial.baseline_requests += 1;
    trial.gauge.baseline_mean += (baseline - trial.gauge.baseline_mean) / trial.baseline_requests;
  }
  if (compares) return judge_comparison(trial.gauge, rules, canary, baseline);
  const bool breach = rules.gauge.lower_is_worse ? canary < rules.gauge.threshold : canary > rules.gauge.threshold;
  Question& question = trial.questions[0];
  question.canary_bad += breach ? 1 : 0;
  const Counts one{1, breach ? 1.0 : 0.0};
  const double phi = std::max(1.0, rules.phi);
  update(question.relative, rules.harm[0], one, {}, 1e-7, phi);
  update(question.health, rules.health[0], one, {}, 1e-7, phi);
}

bool valid_above(const Above& above, double total, int questions) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(questions); ++i)
    if (!(above[i] >= 0 && above[i] <= total)) return false;
  return true;
}

}  // namespace

SloRules slo_rules(const TrialPlan& plan, std::size_t slo) {
  const SloPlan& from = plan.slos[slo];
  SloRules rules;
  rules.kind = from.kind;
  rules.questions = questions(from);
  rules.alpha = plan.alpha;
  // fail_ticks - 1 ticks must not be enough: at most 1 / (fail_ticks - 1/2) of what is needed in each, 2/3 for two ticks.
  const double cap = plan.fail_ticks > 1 ? std::log(1 / plan.alpha) / (plan.fail_ticks - 0.5) : 0;
  const Effects effects = from.kind == Kind::LatencyDistribution ? Effects::Latency : Effects::Failures;
  for (int i = 0; i < rules.questions; ++i) {
    const auto at = static_cast<std::size_t>(i);
    rules.harm[at] = {harm_limit(from, i), plan.max_ticks, cap, effects};
    rules.health[at] = health_limit(plan, from, i);
    if (from.kind == Kind::LatencyDistribution) rules.share[at] = from.bounds[at].share;
  }
  if (const auto objective = objective_limit(plan, from)) {
    rules.has_objective = true;
    rules.objective = {*objective, plan.max_ticks, cap, effects};
  }
  if (plan.calibration.done()) {
    rules.phi = plan.calibration.slos[slo].phi * plan.calibration.kappa;
    rules.pod_spread = plan.calibration.slos[slo].pod_spread;
  }
  if (may_fail(plan, slo)) {
    double weights = 0;
    for (std::size_t i = 0; i < plan.slos.size(); ++i)
      if (may_fail(plan, i)) weights += plan.slos[i].weight;
    rules.log_weight = std::log(from.weight / weights);
  }
  rules.gauge = {from.lower_is_worse, from.threshold, from.scale, from.relative, from.absolute};
  if (from.kind == Kind::GaugeComparison) {
    const Limit health = health_limit(plan, from);
    // Where lower is worse a tolerance of 100 % would tolerate everything.
    rules.health_relative = from.lower_is_worse ? std::min(health.theta - 1, 0.5 * (1 + from.relative)) : health.theta - 1;
    rules.health_absolute = health.delta;
  }
  return rules;
}

SloTrial begin(const SloRules& rules) {
  SloTrial trial;
  trial.asked = rules.questions;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rules.questions); ++i)
    if (rules.share[i] > 0) trial.questions[i].baseline = {kSeedRequests, kSeedRequests * rules.share[i]};
  return trial;
}

bool valid(const SloRules& rules, const SloTick& tick) {
  if (!tick.present || rules.kind == Kind::Gauge || rules.kind == Kind::GaugeComparison) return true;
  if (rules.kind != Kind::LatencyDistribution) return tick.canary.valid() && tick.baseline.valid();
  return Counts{tick.canary.total, 0}.valid() && Counts{tick.baseline.total, 0}.valid() && tick.canary.total >= 0 &&
         tick.baseline.total >= 0 && valid_above(tick.canary_above, tick.canary.total, rules.questions) &&
         valid_above(tick.baseline_above, tick.baseline.total, rules.questions);
}

void update(SloTrial& trial, const SloRules& rules, const SloTick& tick, int ticks) {
  if (rules.kind == Kind::Gauge || rules.kind == Kind::GaugeComparison) judge_values(trial, rules, tick, ticks);
  else judge_requests(trial, rules, tick, ticks);
}

void drop_waiting(SloTrial& trial) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(trial.asked); ++i) {
    Question& question = trial.questions[i];
    question.baseline.learn({trial.waiting_baseline, question.waiting_baseline}, question.spread.phi());
    question.waiting_canary = question.waiting_baseline = 0;
  }
  trial.waiting_canary = trial.waiting_baseline = 0;
  trial.waiting_ticks = 0;
}

double log_evidence(const SloRules& rules, const SloTrial& trial, int question) {
  // A faultless canary has at most 0 by construction (e_variable_test.cpp); this keeps rounding of huge counts out.
  const Question& asked = trial.questions[static_cast<std::size_t>(question)];
  double e = asked.relative.log_e;
  if (rules.has_objective) e = log_add(e, trial.absolute.log_e) - std::log(2.0);
  return asked.canary_bad > 0 ? e : std::min(e, 0.0);
}

double log_evidence(const SloRules& rules, const SloTrial& trial) {
  if (rules.kind == Kind::GaugeComparison) return trial.gauge.harm.log_e;
  if (rules.questions == 1) return log_evidence(rules, trial, 0);
  std::array<double, kMaxBounds> each;
  for (int i = 0; i < rules.questions; ++i) each[static_cast<std::size_t>(i)] = log_evidence(rules, trial, i);
  return log_sum(std::span(each).first(static_cast<std::size_t>(rules.questions))) - std::log(static_cast<double>(rules.questions));
}

double log_health(const SloRules& rules, const SloTrial& trial) {
  if (rules.kind == Kind::GaugeComparison) return trial.gauge.health.log_e;
  double least = trial.questions[0].health.log_e;
  for (int i = 1; i < rules.questions; ++i) least = std::min(least, trial.questions[static_cast<std::size_t>(i)].health.log_e);
  return least;
}

}  // namespace sluice::judge
