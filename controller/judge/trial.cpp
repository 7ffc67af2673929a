#include "controller/judge/trial.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>

#include "common/core/digest.h"

namespace sluice::judge {
namespace {

constexpr int kMaxWaiting = 4;            // ticks that may be merged; drift within them is not cancelled any more
constexpr double kDefaultBudget = 1e-3;   // the error budget assumed where no objective is given
constexpr double kHealthSlack = 1.5;      // promotion limit : tolerance, at least
constexpr double kMaxObjectiveLimit = 0.999;

std::string number(double value) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

std::string readable(double value) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

// True for low < value < high; NaN is outside.
bool between(double low, double value, double high) { return value > low && value < high; }

Unexpected wrong(const std::string& field, double value, const std::string& cure) {
  return fail(Error::Kind::Invalid, field + " is " + readable(value) + ": " + cure);
}

Expected<void> check(const SloPlan& slo) {
  const std::string of = "slo " + slo.name + ": ";
  if (!(slo.relative >= 0 && slo.relative <= 100))
    return wrong(of + "tolerance.relative", slo.relative, "give a share from 0 to 100, such as 0.1");
  if (!(slo.absolute >= 0 && slo.absolute <= 0.5))
    return wrong(of + "tolerance.absolute", slo.absolute, "give a share of requests from 0 to 0.5, such as 0.0001");
  if (slo.objective && !between(0, *slo.objective, 1))
    return wrong(of + "objective", *slo.objective, "give a share above 0 and below 1, such as 0.999");
  if (!(slo.weight >= 0 && slo.weight <= 1e6)) return wrong(of + "weight", slo.weight, "give 0 (advisory) or more");
  return {};
}

HarmTest harm_test(const TrialPlan& plan, const Limit& limit) {
  // Half of the needed evidence per tick at most.
  return {limit, plan.max_ticks, std::log(1 / plan.alpha) / 2};
}

// One tick in which both arms had requests, or several merged ones.
void judge_pair(const TrialPlan& plan, const SloPlan& slo, SloTrial& trial, const Counts& canary, const Counts& baseline) {
  if (trial.baseline.known()) {
    const double p0 = trial.baseline.guess();
    const double phi = trial.spread.phi();
    trial.relative = advance(trial.relative, harm_test(plan, harm_limit(slo)), canary, baseline, p0, phi);
    trial.health = advance(trial.health, health_limit(plan, slo), canary, baseline, p0, phi);
  }
  trial.ratio.add(canary, baseline);
  trial.interval.add(canary, baseline);
  trial.spread.add(canary, baseline, trial.ratio.shrunk());
  trial.baseline_total += baseline;
  trial.baseline.learn(baseline);
}

void drop_waiting(SloTrial& trial) {
  trial.baseline.learn(trial.waiting_baseline);
  trial.waiting_canary = {};
  trial.waiting_baseline = {};
  trial.waiting_ticks = 0;
}

void judge_tick(const TrialPlan& plan, const SloPlan& slo, SloTrial& trial, const SloTick& tick, int ticks) {
  const bool silent = !tick.present || (tick.canary.total <= 0 && tick.baseline.total <= 0);
  if (silent) {
    ++trial.silent;
    if (!tick.present) drop_waiting(trial);
    return;
  }
  trial.silent = 0;
  trial.covered = std::min(ticks, trial.covered + 1 + std::max(0, tick.bridges));
  trial.canary_total += tick.canary;
  if (const auto limit = objective_limit(plan, slo))
    trial.absolute = advance(trial.absolute, harm_test(plan, *limit), tick.canary, {}, 0.5, trial.spread.phi());

  trial.waiting_canary += tick.canary;
  trial.waiting_baseline += tick.baseline;
  ++trial.waiting_ticks;
  if (trial.waiting_canary.total > 0 && trial.waiting_baseline.total > 0) {
    const Counts canary = trial.waiting_canary, baseline = trial.waiting_baseline;
    trial.waiting_canary = trial.waiting_baseline = {};
    trial.waiting_ticks = 0;
    judge_pair(plan, slo, trial, canary, baseline);
  } else if (trial.waiting_ticks >= kMaxWaiting) {
    drop_waiting(trial);
  }
}

}  // namespace

Expected<void> check(const TrialPlan& plan) {
  if (!between(0, plan.alpha, 0.5)) return wrong("falseRollback", plan.alpha, "give a share above 0 and below 0.5, such as 0.01");
  if (!between(0, plan.beta, 0.5)) return wrong("falsePromotion", plan.beta, "give a share above 0 and below 0.5, such as 0.05");
  if (!(plan.margin > 0 && plan.margin <= 10)) return wrong("margin", plan.margin, "give a share of the error budget above 0, such as 0.5");
  if (!(plan.burn > 0 && plan.burn <= 14.4)) return wrong("burn", plan.burn, "give a factor above 0 and at most 14.4");
  if (plan.max_ticks < 1 || plan.max_ticks > 1'000'000) return wrong("maxDuration in ticks", plan.max_ticks, "1 to 1,000,000 can be judged");
  if (!(plan.min_requests >= 0 && std::isfinite(plan.min_requests))) return wrong("minRequests", plan.min_requests, "give 0 or more");
  std::set<std::string> names;
  bool decides = false;
  for (const SloPlan& slo : plan.slos) {
    if (slo.name.empty()) return fail(Error::Kind::Invalid, "an SLO has no name: give each one");
    if (!names.insert(slo.name).second)
      return fail(Error::Kind::Invalid, "two SLOs are named " + slo.name + ": give each a name of its own");
    if (auto ok = check(slo); !ok) return ok;
    decides = decides || slo.weight > 0;
  }
  if (!decides) return fail(Error::Kind::Invalid, "no SLO decides: give at least one that is not advisory");
  return {};
}

Limit harm_limit(const SloPlan& slo) { return {1 + slo.relative, slo.absolute}; }

Limit health_limit(const TrialPlan& plan, const SloPlan& slo) {
  const double budget = slo.objective ? 1 - *slo.objective : kDefaultBudget;
  return {1 + std::max(0.5, kHealthSlack * slo.relative),
          std::min(0.9, std::max(plan.margin * budget, kHealthSlack * slo.absolute))};
}

std::optional<Limit> objective_limit(const TrialPlan& plan, const SloPlan& slo) {
  if (!slo.objective) return std::nullopt;
  return Limit{0, std::min(kMaxObjectiveLimit, plan.burn * (1 - *slo.objective))};
}

std::string digest(const TrialPlan& plan) {
  std::string text = "1";
  for (double v : {plan.alpha, plan.beta, plan.margin, plan.burn, plan.min_requests}) text += ' ' + number(v);
  text += ' ' + std::to_string(plan.max_ticks) + ' ' + std::to_string(plan.min_ticks);
  for (const SloPlan& slo : plan.slos) {
    text += '\n' + std::to_string(slo.name.size()) + ' ' + slo.name + ' ' + (slo.kind == SloPlan::Kind::Latency ? 'l' : 'e');
    for (double v : {slo.relative, slo.absolute, slo.objective.value_or(-1), slo.weight}) text += ' ' + number(v);
    text += ' ' + slo.limit_text;
  }
  return name_digest(text);
}

Expected<Trial> begin(const TrialPlan& plan) {
  if (auto ok = check(plan); !ok) return Unexpected(ok.error());
  Trial trial;
  trial.plan = digest(plan);
  trial.slos.resize(plan.slos.size());
  return trial;
}

Expected<Trial> advance(const TrialPlan& plan, const Trial& trial, std::span<const SloTick> ticks) {
  Trial next = trial;
  if (trial.plan.empty()) {
    auto begun = begin(plan);
    if (!begun) return begun;
    next = *std::move(begun);
  } else if (trial.plan != digest(plan) || trial.slos.size() != plan.slos.size()) {
    return fail(Error::Kind::Invalid, "the trial was begun under another plan: changed limits need a new trial");
  }
  if (ticks.size() != plan.slos.size())
    return fail(Error::Kind::Invalid, "a tick of " + std::to_string(ticks.size()) + " SLOs for a plan of " +
                                          std::to_string(plan.slos.size()) + ": give one entry per SLO");
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    if (!ticks[i].present) continue;
    for (const Counts* counts : {&ticks[i].canary, &ticks[i].baseline})
      if (!counts->valid())
        return fail(Error::Kind::Invalid, "slo " + plan.slos[i].name + ": " + readable(counts->bad) + " bad of " +
                                              readable(counts->total) +
                                              " requests in one tick cannot be counts: leave the tick out or mark it as without data");
  }
  if (next.failed) return next;
  ++next.ticks;
  for (std::size_t i = 0; i < ticks.size(); ++i) judge_tick(plan, plan.slos[i], next.slos[i], ticks[i], next.ticks);
  next.peak = std::max(next.peak, log_evidence(plan, next));
  next.failed = next.peak >= std::log(1 / plan.alpha);
  return next;
}

Trial at_new_weight(const Trial& trial) {
  Trial next = trial;
  for (SloTrial& slo : next.slos) drop_waiting(slo);
  return next;
}

double log_evidence(const SloPlan& slo, const SloTrial& trial) {
  const double e = slo.objective ? log_add(trial.relative.log_e, trial.absolute.log_e) - std::log(2.0) : trial.relative.log_e;
  // A faultless canary has at most 0 by construction (e_variable_test.cpp); this keeps rounding of huge counts out.
  return trial.canary_total.bad > 0 ? e : std::min(e, 0.0);
}

double log_evidence(const TrialPlan& plan, const Trial& trial) {
  double weights = 0;
  for (const SloPlan& slo : plan.slos) weights += slo.weight;
  double sum = kLogZero;
  for (std::size_t i = 0; i < trial.slos.size() && i < plan.slos.size(); ++i)
    if (plan.slos[i].weight > 0)
      sum = log_add(sum, std::log(plan.slos[i].weight / weights) + log_evidence(plan.slos[i], trial.slos[i]));
  return sum;
}

}  // namespace sluice::judge
