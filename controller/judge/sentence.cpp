#include "controller/judge/sentence.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::judge {
namespace {

using Kind = SloPlan::Kind;

std::string format(const char* pattern, double value) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), pattern, value);
  return text.data();
}

std::string times(double ratio) { return format(ratio < 9.95 ? "%.2g" : "%.0f", ratio) + "x"; }

std::string points(double share) { return format("%.3g", 100 * share) + " pp"; }

std::string line(const Limit& limit) { return "at most " + format("%.4g", limit.theta) + "x the baseline + " + points(limit.delta); }

// "620 MiB"; the unit is what the user wrote.
std::string reading(const SloPlan& slo, double value) {
  return format("%.4g", value) + (slo.limit_text.empty() ? "" : " " + slo.limit_text);
}

std::string beyond(const SloPlan& slo) { return (slo.lower_is_worse ? "below " : "above ") + reading(slo, slo.threshold); }

std::string gauge_line(const SloPlan& slo, double relative, double absolute) {
  const std::string slack = absolute > 0 ? (slo.lower_is_worse ? " - " : " + ") + reading(slo, absolute) : "";
  if (slo.lower_is_worse) return "at least " + format("%.4g", 1 - relative) + "x the baseline" + slack;
  return "at most " + format("%.4g", 1 + relative) + "x the baseline" + slack;
}

std::string harm_line(const TrialPlan& plan, const SloPlan& slo, const SloVerdict& v, const SloTrial& trial) {
  switch (slo.kind) {
    case Kind::Gauge: return "at most " + as_percent(slo.breach_share) + " of the ticks " + beyond(slo);
    case Kind::GaugeComparison: return gauge_line(slo, slo.relative, slo.absolute);
    case Kind::LatencyDistribution: {
      std::string text = "a slow-down of " + as_percent(slo.slowdown);
      for (const LatencyBound& bound : slo.bounds)
        if (v.bound && bound.seconds == *v.bound)
          text += ": above " + as_seconds(bound.seconds) + " at most " + format("%.4g", bound.theta) + "x the baseline";
      return text;
    }
    case Kind::ErrorRate:
    case Kind::Latency: break;
  }
  if (!slo.objective || trial.absolute.log_e <= trial.questions[0].relative.log_e) {
    const Limit limit = harm_limit(slo);
    if (trial.widened <= limit.theta) return line(limit);
    return line({trial.widened, limit.delta}) + ", as far as pods differ by themselves";
  }
  return "at most " + as_percent(objective_limit(plan, slo)->delta) + " (" + format("%.3g", plan.burn) + "x the budget of the " +
         format("%.6g", 100 * *slo.objective) + "% objective)";
}

std::string health_line(const TrialPlan& plan, const SloPlan& slo) {
  switch (slo.kind) {
    case Kind::Gauge: return "at most " + as_percent(health_limit(plan, slo).delta) + " of the ticks " + beyond(slo);
    case Kind::GaugeComparison: {
      const SloRules rules = slo_rules({.slos = {slo}}, 0);
      return gauge_line(slo, rules.health_relative, rules.health_absolute);
    }
    case Kind::LatencyDistribution: {
      double least = HUGE_VAL, most = 0;
      for (const LatencyBound& bound : slo.bounds) {
        least = std::min(least, bound.health_theta);
        most = std::max(most, bound.health_theta);
      }
      return "above every bound at most " + format("%.3g", least) + "x to " + format("%.3g", most) + "x the baseline + " +
             points(health_limit(plan, slo).delta);
    }
    case Kind::ErrorRate:
    case Kind::Latency: break;
  }
  return line(health_limit(plan, slo));
}

// " in 9 min", if the length of a tick is known.
std::string duration(const TrialPlan& plan, int ticks) {
  const double seconds = plan.tick_seconds * ticks;
  if (seconds <= 0) return "";
  if (seconds < 90) return " in " + format("%.0f", seconds) + " s";
  if (seconds < 5400) return " in " + format("%.0f", seconds / 60) + " min";
  return " in " + format("%.1f", seconds / 3600) + " h";
}

std::string gauge_observation(const TrialPlan& plan, const SloPlan& slo, const SloVerdict& v, const SloTrial& trial) {
  const double ticks = trial.canary_requests;
  if (slo.kind == Kind::Gauge)
    return "the canary was " + beyond(slo) + " in " + with_commas(v.canary * ticks) + " of " + with_commas(ticks) + " ticks" +
           duration(plan, trial.covered);
  return "canary " + reading(slo, v.canary) + " on average, baseline " + reading(slo, v.baseline) + ", over " + with_commas(ticks) +
         " ticks" + duration(plan, trial.covered);
}

std::string range_words(const QuantileRange& range) {
  if (!range.known()) return "unknown";
  if (!(range.low > 0)) return "at most " + as_seconds(range.high);
  if (!std::isfinite(range.high)) return "above " + as_seconds(range.low);
  return as_seconds(range.low) + " to " + as_seconds(range.high);
}

// "0.21% of 41,200 canary requests failed, baseline 0.1% of 371,000: 2.1x [1.6, 2.8] on average so far"
std::string observation(const TrialPlan& plan, const SloPlan& slo, const SloVerdict& v, const SloTrial& trial) {
  if (slo.is_gauge()) return gauge_observation(plan, slo, v, trial);
  const std::string verb = slo.kind == Kind::ErrorRate ? " failed"
                           : v.bound                   ? " took longer than " + as_seconds(*v.bound)
                           : slo.limit_text.empty()    ? " were too slow"
                                                       : " took longer than " + slo.limit_text;
  std::string text = as_percent(v.canary) + " of " + with_commas(v.canary_requests) + " canary requests" + verb;
  if (v.baseline_requests <= 0) return text + ", no baseline to compare with";
  text += std::string(", ") + (plan.baseline == BaselineArm::Fresh ? "fresh baseline " : "baseline ") + as_percent(v.baseline) + " of " +
          with_commas(v.baseline_requests) + duration(plan, trial.covered);
  if (!v.estimate) return text;
  text += ": " + times(*v.estimate);
  if (v.interval) {
    const std::string high = v.interval->bounded() ? format("%.2g", v.interval->high) : ">64";
    text += " [" + (v.interval->low > 0 ? format("%.2g", v.interval->low) : "0") + ", " + high + "]";
  }
  text += " on average so far";
  // The highest quantile of which both arms' places are known is the most telling one.
  for (auto row = v.quantiles.rbegin(); row != v.quantiles.rend(); ++row) {
    if (!row->canary.known() || !row->baseline.known()) continue;
    return text + "; p" + format("%.3g", 100 * row->q) + " " + range_words(row->canary) + ", baseline " + range_words(row->baseline);
  }
  return text;
}

// What the evidence was divided by, and what that is worth.
std::string guarantee(const TrialPlan& plan, const SloPlan& slo, const SloVerdict& v) {
  const Calibration& c = plan.calibration;
  if (c.done()) {
    const std::string when = c.taken.empty() ? "" : " of " + c.taken;
    if (v.hold_only)
      return " In " + std::to_string(c.windows) + " replays" + when +
             " it alarmed however evidence was divided: it holds the weight, it does not fail.";
    return " Evidence is divided by " + format("%.2g", v.phi) + " (phi* from " + std::to_string(c.windows) + " replays" + when +
           "): at most " + as_percent(c.bound()) + " false rollbacks, whatever requests depend on.";
  }
  if (v.hold_only) return " Uncalibrated, a gauge holds the weight and does not fail.";
  if (slo.is_gauge()) return " (uncalibrated)";
  return " Evidence is divided by " + format("%.2g", v.phi) + " for burstiness (online estimate, uncalibrated).";
}

std::string extras(const SloPlan& slo, const SloVerdict& v) {
  std::string text;
  if (v.concentration && v.concentration->share >= 0.5)
    text += " " + as_percent(v.concentration->share) + " of its bad requests come from 1 of " + std::to_string(v.concentration->pods) +
            " pods.";
  if (!slo.is_gauge() && v.baseline_requests > 0)
    text += " About " + with_commas(v.excess_failures) + " more bad requests than the baseline's rate gives.";
  return text;
}

std::string why_no_pass(const TrialPlan& plan, const SloPlan& slo, const SloVerdict& v) {
  if (!slo.is_gauge() && v.canary_requests < plan.min_requests)
    return "promotion needs " + with_commas(plan.min_requests) + " canary requests.";
  return "promotion needs data in 90% of the ticks and in the last one (now " + as_percent(v.coverage) + ").";
}

}  // namespace

std::string as_odds(double evidence) {
  if (evidence >= 1e6) return "over 1,000,000:1";
  if (evidence < 0.01) return "below 0.01:1";
  return (evidence < 99.5 ? format("%.2g", evidence) : with_commas(evidence)) + ":1";
}

std::string with_commas(double value) {
  std::string digits = format("%.0f", std::max(0.0, value));
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string as_percent(double share) { return format("%.3g", 100 * share) + "%"; }

std::string as_seconds(double seconds) { return seconds < 1 ? format("%.3g", 1000 * seconds) + "ms" : format("%.3g", seconds) + "s"; }

std::string slo_sentence(const TrialPlan& plan, std::size_t index, const SloVerdict& v, const SloTrial& trial) {
  using State = SloVerdict::State;
  const SloPlan& slo = plan.slos[index];
  if (v.state == State::NoData) {
    if (trial.covered == 0) return slo.name + ": no data yet";
    return slo.name + ": no data for " + std::to_string(v.silent_ticks) + " ticks; the evidence so far is kept (" + as_odds(v.evidence) +
           " of " + with_commas(v.needed) + ":1)";
  }
  if (trial.canary_requests <= 0) return slo.name + ": no canary requests yet";
  const std::string limit = harm_line(plan, slo, v, trial);
  const std::string seen = slo.name + ": " + observation(plan, slo, v, trial) + ". ";
  const std::string harm = "Evidence " + as_odds(v.evidence) + " against \"" + limit + "\"";
  const std::string health = health_line(plan, slo);
  switch (v.state) {
    case State::Breach: {
      std::string text = "FAIL " + seen + harm + " (needs " + with_commas(v.needed) + ":1); " +
                         format("%.4g", 100 * (1 - 1 / std::max(v.evidence, 1.0))) + "% confident.";
      if (v.evidence < v.needed) text = "FAIL " + seen + harm + "; the largest share of the joint evidence.";
      return text + extras(slo, v) + guarantee(plan, slo, v);
    }
    case State::Hold:
      return "HOLD " + seen + harm + ", from " + format("%.3g", std::sqrt(v.needed)) + ":1 the weight is not raised" +
             (v.hold_only ? "." : ", at " + with_commas(v.needed) + ":1 it fails.") + guarantee(plan, slo, v);
    case State::Pass:
      return "PASS " + seen + "Proven \"" + health + "\" with evidence " + as_odds(v.health_evidence) + " (needs " +
             with_commas(v.health_needed) + ":1)." + guarantee(plan, slo, v);
    case State::Judging:
    case State::NoData: break;
  }
  std::string text = seen + harm + (v.hold_only ? ". " : " (fails at " + with_commas(v.needed) + ":1). ");
  if (v.health_evidence >= v.health_needed) return text + "Proven \"" + health + "\", but " + why_no_pass(plan, slo, v);
  text += "Not yet proven \"" + health + "\": " + as_odds(v.health_evidence) + " of " + with_commas(v.health_needed) + ":1";
  if (v.forecast_requests && v.canary_requests > 0)
    text += ", about " + with_commas(*v.forecast_requests) + " more canary requests if it is as good as the baseline";
  return text + ".";
}

std::string verdict_sentence(const TrialPlan& plan, const Verdict& v) {
  const SloVerdict* chosen = nullptr;
  int deciding = 0;
  for (const SloVerdict& slo : v.slos) {
    if (slo.advisory) continue;
    ++deciding;
    const auto rank = [&](const SloVerdict& s) {
      if (v.state == Verdict::State::Fail) return s.state == SloVerdict::State::Breach ? 1 + s.evidence : 0.0;
      if (v.state == Verdict::State::Hold) return s.evidence;
      return s.state == SloVerdict::State::Pass ? -s.health_evidence : 1 / (s.health_evidence + 1e-300);
    };
    if (!chosen || rank(slo) > rank(*chosen)) chosen = &slo;
  }
  if (!chosen) return "no SLO decides";
  if (v.state == Verdict::State::Inconclusive)
    return "INCONCLUSIVE after " + std::to_string(v.ticks) + " ticks" + duration(plan, v.ticks) +
           ": neither proven good nor proven bad, which is not a pass. " + chosen->message;
  if (deciding == 1) return chosen->message;
  switch (v.state) {
    case Verdict::State::Fail:
      return chosen->message + " Joint evidence of " + std::to_string(deciding) + " SLOs " + as_odds(v.peak_evidence) + " (needs " +
             with_commas(v.needed) + ":1).";
    case Verdict::State::Hold:
      return "HOLD: joint evidence of " + std::to_string(deciding) + " SLOs " + as_odds(v.evidence) + ". " + chosen->message;
    case Verdict::State::Pass:
      return "PASS: all " + std::to_string(deciding) + " SLOs are proven inside their margins. Weakest: " + chosen->message;
    case Verdict::State::Judging:
    case Verdict::State::Inconclusive: break;
  }
  return chosen->message;
}

}  // namespace sluice::judge
