#include "controller/judge/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>

#include "common/core/digest.h"

namespace sluice::judge {
namespace {

using Kind = SloPlan::Kind;

constexpr double kDefaultBudget = 1e-3;     // the error budget assumed where no objective is given
constexpr double kHealthSlack = 1.5;        // promotion limit : tolerance, at least
constexpr double kHighestHealth = 0.9;      // what lies above is no proof of anything
constexpr double kLeastBreachHealth = 0.1;  // share of breaching ticks that promotion must rule out, at least
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

Expected<void> check_bounds(const SloPlan& slo, const std::string& of) {
  if (slo.bounds.empty() || slo.bounds.size() > kMaxBounds)
    return wrong(of + "number of latency bounds", static_cast<double>(slo.bounds.size()),
                 "1 to 7 can be judged; choose_bounds() chooses them");
  double last = 0;
  for (const LatencyBound& bound : slo.bounds) {
    if (!between(last, bound.seconds, HUGE_VAL)) return wrong(of + "bound", bound.seconds, "give seconds above 0, in ascending order");
    last = bound.seconds;
    if (!between(0, bound.share, 1)) return wrong(of + "share above a bound", bound.share, "give a share above 0 and below 1");
    if (!(bound.theta >= 1 && bound.theta <= 100)) return wrong(of + "theta of a bound", bound.theta, "give a factor from 1 to 100");
    if (!(bound.health_theta > bound.theta && bound.health_theta <= 200))
      return wrong(of + "healthTheta of a bound", bound.health_theta, "give a factor above theta and at most 200");
  }
  return {};
}

Expected<void> check(const SloPlan& slo) {
  const std::string of = "slo " + slo.name + ": ";
  if (!(slo.relative >= 0 && slo.relative <= 100))
    return wrong(of + "tolerance.relative", slo.relative, "give a share from 0 to 100, such as 0.1");
  if (slo.kind == Kind::GaugeComparison) {
    if (!(slo.absolute >= 0 && std::isfinite(slo.absolute)))
      return wrong(of + "tolerance.absolute", slo.absolute, "give 0 or more, in the gauge's unit");
    if (!(slo.scale >= 0 && std::isfinite(slo.scale))) return wrong(of + "scale", slo.scale, "give 0 (learned) or the usual spread");
    if (slo.lower_is_worse && slo.relative >= 1)
      return wrong(of + "tolerance.relative", slo.relative, "where lower is worse give a share below 1, such as 0.1");
  } else if (!(slo.absolute >= 0 && slo.absolute <= 0.5)) {
    return wrong(of + "tolerance.absolute", slo.absolute, "give a share of requests from 0 to 0.5, such as 0.0001");
  }
  if (slo.kind == Kind::Gauge) {
    if (!std::isfinite(slo.threshold)) return wrong(of + "threshold", slo.threshold, "give a number in the gauge's unit");
    if (!between(0, slo.breach_share, 0.5) && slo.breach_share != 0.5)
      return wrong(of + "breachShare", slo.breach_share, "give a share of ticks above 0 and at most 0.5, such as 0.05");
  }
  if (slo.objective && slo.kind != Kind::ErrorRate && slo.kind != Kind::Latency)
    return wrong(of + "objective", *slo.objective, "it belongs to error rates and to latencies with one bound; leave it out");
  if (slo.objective && !between(0, *slo.objective, 1))
    return wrong(of + "objective", *slo.objective, "give a share above 0 and below 1, such as 0.999");
  if (!(slo.weight >= 0 && slo.weight <= 1e6)) return wrong(of + "weight", slo.weight, "give 0 (advisory) or more");
  if (slo.kind == Kind::LatencyDistribution) {
    if (!(slo.slowdown >= 0 && slo.slowdown <= 10)) return wrong(of + "slowdown", slo.slowdown, "give a share from 0 to 10, such as 0.05");
    return check_bounds(slo, of);
  }
  return {};
}

Expected<void> check(const Calibration& calibration, std::size_t slos) {
  if (!calibration.done()) return {};
  if (calibration.slos.size() != slos)
    return wrong("number of calibrated SLOs", static_cast<double>(calibration.slos.size()), "give one per SLO of the plan, in its order");
  if (!(calibration.kappa >= 1 && calibration.kappa <= 1e6)) return wrong("kappa", calibration.kappa, "give 1 or more");
  for (const SloCalibration& slo : calibration.slos) {
    if (!(slo.phi >= 1 && slo.phi <= 1e6)) return wrong("phi", slo.phi, "give 1 or more");
    if (!(slo.pod_spread >= 0 && slo.pod_spread <= 10)) return wrong("podSpread", slo.pod_spread, "give 0 to 10");
  }
  return {};
}

char letter(Kind kind) {
  switch (kind) {
    case Kind::ErrorRate: return 'e';
    case Kind::Latency: return 'l';
    case Kind::LatencyDistribution: return 'd';
    case Kind::Gauge: return 'g';
    case Kind::GaugeComparison: return 'c';
  }
  return 'e';
}

std::string digested(const SloPlan& slo) {
  std::string text = '\n' + std::to_string(slo.name.size()) + ' ' + slo.name + ' ' + letter(slo.kind);
  for (double v : {slo.relative, slo.absolute, slo.objective.value_or(-1), slo.weight}) text += ' ' + number(v);
  text += ' ' + slo.limit_text;
  if (slo.kind == Kind::LatencyDistribution) {
    text += "\n# " + number(slo.slowdown);
    for (const LatencyBound& b : slo.bounds)
      for (double v : {b.seconds, b.share, b.theta, b.health_theta}) text += ' ' + number(v);
  }
  if (slo.is_gauge()) {
    text += std::string("\n# ") + (slo.lower_is_worse ? "low" : "high");
    for (double v : {slo.threshold, slo.breach_share, slo.scale}) text += ' ' + number(v);
  }
  return text;
}

}  // namespace

Expected<void> check(const TrialPlan& plan) {
  if (!between(0, plan.alpha, 0.5)) return wrong("falseRollback", plan.alpha, "give a share above 0 and below 0.5, such as 0.01");
  if (!between(0, plan.beta, 0.5)) return wrong("falsePromotion", plan.beta, "give a share above 0 and below 0.5, such as 0.05");
  if (!(plan.margin > 0 && plan.margin <= 10)) return wrong("margin", plan.margin, "give a share of the error budget above 0, such as 0.5");
  if (!(plan.burn > 0 && plan.burn <= 14.4)) return wrong("burn", plan.burn, "give a factor above 0 and at most 14.4");
  if (plan.max_ticks < 1 || plan.max_ticks > 1'000'000)
    return wrong("maxDuration in ticks", plan.max_ticks, "1 to 1,000,000 can be judged");
  if (!(plan.min_requests >= 0 && std::isfinite(plan.min_requests))) return wrong("minRequests", plan.min_requests, "give 0 or more");
  if (plan.fail_ticks < 1 || plan.fail_ticks > 1000) return wrong("failTicks", plan.fail_ticks, "give 1 to 1000, such as 2");
  if (!(plan.tick_seconds >= 0 && plan.tick_seconds < 1e6)) return wrong("tickSeconds", plan.tick_seconds, "give 0 (unknown) or seconds");
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
  return check(plan.calibration, plan.slos.size());
}

Limit harm_limit(const SloPlan& slo, int bound) {
  if (slo.kind == Kind::Gauge) return {0, slo.breach_share};
  if (slo.kind == Kind::LatencyDistribution) return {slo.bounds.at(static_cast<std::size_t>(bound)).theta, 0};
  return {1 + slo.relative, slo.absolute};
}

Limit health_limit(const TrialPlan& plan, const SloPlan& slo, int bound) {
  if (slo.kind == Kind::Gauge) return {0, std::min(kHighestHealth, std::max(kLeastBreachHealth, kHealthSlack * slo.breach_share))};
  if (slo.kind == Kind::LatencyDistribution)
    return {slo.bounds.at(static_cast<std::size_t>(bound)).health_theta, plan.margin * kDefaultBudget};
  const double theta = 1 + std::max(0.5, kHealthSlack * slo.relative);
  if (slo.kind == Kind::GaugeComparison) return {theta, kHealthSlack * slo.absolute};
  const double budget = slo.objective ? 1 - *slo.objective : kDefaultBudget;
  return {theta, std::min(kHighestHealth, std::max(plan.margin * budget, kHealthSlack * slo.absolute))};
}

std::optional<Limit> objective_limit(const TrialPlan& plan, const SloPlan& slo) {
  if (!slo.objective) return std::nullopt;
  return Limit{0, std::min(kMaxObjectiveLimit, plan.burn * (1 - *slo.objective))};
}

int questions(const SloPlan& slo) {
  if (slo.kind == Kind::GaugeComparison) return 0;
  return slo.kind == Kind::LatencyDistribution ? static_cast<int>(slo.bounds.size()) : 1;
}

bool may_fail(const TrialPlan& plan, std::size_t slo) {
  if (!(plan.slos[slo].weight > 0)) return false;
  if (!plan.calibration.done()) return !plan.slos[slo].is_gauge();
  return slo < plan.calibration.slos.size() && plan.calibration.slos[slo].usable;
}

std::string digest(const TrialPlan& plan) {
  std::string text = "1";
  for (double v : {plan.alpha, plan.beta, plan.margin, plan.burn, plan.min_requests}) text += ' ' + number(v);
  text += ' ' + std::to_string(plan.max_ticks) + ' ' + std::to_string(plan.min_ticks);
  for (const SloPlan& slo : plan.slos) text += digested(slo);
  // What follows was not known to the first release: only what is used is digested.
  if (plan.calibration.done()) {
    text += "\n#calibration " + std::to_string(plan.calibration.windows) + ' ' + number(plan.calibration.kappa);
    for (const SloCalibration& slo : plan.calibration.slos)
      text += ' ' + number(slo.phi) + ' ' + (slo.usable ? '+' : '-') + ' ' + number(slo.pod_spread);
  }
  if (plan.baseline == BaselineArm::Fresh) text += "\n#fresh";
  if (plan.fail_ticks != 2) text += "\n#fail ticks " + std::to_string(plan.fail_ticks);
  return name_digest(text);
}

}  // namespace sluice::judge
