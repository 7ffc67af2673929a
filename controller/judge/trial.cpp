#include "controller/judge/trial.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::judge {
namespace {

std::string readable(double value) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

Unexpected impossible(const SloPlan& slo, const SloTick& tick) {
  const Counts& counts = tick.canary.valid() ? tick.baseline : tick.canary;
  std::string what = readable(counts.bad) + " bad of " + readable(counts.total) + " requests";
  if (slo.kind == SloPlan::Kind::LatencyDistribution)
    what = "negative numbers above a bound, or more than all " + readable(tick.canary.total) + " canary and " +
           readable(tick.baseline.total) + " baseline requests,";
  return fail(Error::Kind::Invalid,
              "slo " + slo.name + ": " + what + " in one tick cannot be counts: leave the tick out or mark it as without data");
}

}  // namespace

Trial begin(const Rules& rules) {
  Trial trial;
  trial.plan = rules.digest();
  for (const SloRules& slo : rules.slos()) trial.slos.push_back(begin(slo));
  return trial;
}

Expected<void> advance(const Rules& rules, Trial& trial, std::span<const SloTick> ticks) {
  const std::span<const SloRules> slos = rules.slos();
  if (!trial.plan.empty() && (trial.plan != rules.digest() || trial.slos.size() != slos.size()))
    return fail(Error::Kind::Invalid, "the trial was begun under another plan: changed limits need a new trial");
  if (ticks.size() != slos.size())
    return fail(Error::Kind::Invalid, "a tick of " + std::to_string(ticks.size()) + " SLOs for a plan of " + std::to_string(slos.size()) +
                                          ": give one entry per SLO");
  for (std::size_t i = 0; i < ticks.size(); ++i)
    if (!valid(slos[i], ticks[i])) return impossible(rules.plan().slos[i], ticks[i]);
  if (trial.plan.empty()) trial = begin(rules);
  if (trial.failed) return {};
  ++trial.ticks;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    update(trial.slos[i], slos[i], ticks[i], trial.ticks);
    if (rules.plan().slos[i].weight > 0 && slos[i].log_weight == kLogZero)
      trial.held = trial.held || log_evidence(slos[i], trial.slos[i]) >= rules.log_hold();
  }
  trial.peak = std::max(trial.peak, log_evidence(rules, trial));
  trial.held = trial.held || trial.peak >= rules.log_hold();
  trial.failed = trial.peak >= rules.log_fail();
  return {};
}

double log_evidence(const Rules& rules, const Trial& trial) {
  const std::span<const SloRules> slos = rules.slos();
  double sum = kLogZero;
  bool decides = false;
  for (std::size_t i = 0; i < trial.slos.size() && i < slos.size(); ++i) {
    if (slos[i].log_weight == kLogZero) continue;
    decides = true;
    sum = log_add(sum, slos[i].log_weight + log_evidence(slos[i], trial.slos[i]));
  }
  return decides ? sum : 0;
}

Expected<Trial> begin(const TrialPlan& plan) {
  const auto rules = Rules::of(plan);
  if (!rules) return Unexpected(rules.error());
  return begin(*rules);
}

Expected<Trial> advance(const TrialPlan& plan, const Trial& trial, std::span<const SloTick> ticks) {
  const auto rules = Rules::of(plan);
  if (!rules) return Unexpected(rules.error());
  Trial next = trial;
  if (auto ok = advance(*rules, next, ticks); !ok) return Unexpected(ok.error());
  return next;
}

double log_evidence(const TrialPlan& plan, const Trial& trial) {
  const auto rules = Rules::of(plan);
  return rules ? log_evidence(*rules, trial) : 0;
}

Trial at_new_weight(const Trial& trial) {
  Trial next = trial;
  for (SloTrial& slo : next.slos) drop_waiting(slo);
  return next;
}

}  // namespace sluice::judge
