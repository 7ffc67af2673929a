#include "controller/judge/sentence.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::judge {
namespace {

std::string format(const char* pattern, double value) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), pattern, value);
  return text.data();
}

std::string times(double ratio) { return format(ratio < 9.95 ? "%.2g" : "%.0f", ratio) + "x"; }

// Evidence as odds: "1,240:1", "3.1:1", "over 1,000,000:1".
std::string odds(double evidence) {
  if (evidence >= 1e6) return "over 1,000,000:1";
  if (evidence < 0.01) return "below 0.01:1";
  return (evidence < 99.5 ? format("%.2g", evidence) : with_commas(evidence)) + ":1";
}

std::string points(double share) { return format("%.3g", 100 * share) + " pp"; }

std::string line(const Limit& limit) {
  return "at most " + format("%.4g", limit.theta) + "x the baseline + " + points(limit.delta);
}

std::string limit_words(const TrialPlan& plan, const SloPlan& slo, bool absolute) {
  if (!absolute) return line(harm_limit(slo));
  return "at most " + as_percent(objective_limit(plan, slo)->delta) + " (" + format("%.3g", plan.burn) +
         "x the budget of the " + format("%.6g", 100 * *slo.objective) + "% objective)";
}

// "0.21% of 41,200 canary requests failed, baseline 0.1% of 371,000: 2.1x [1.6, 2.8] on average so far"
std::string observation(const SloPlan& slo, const SloVerdict& v) {
  const std::string verb = slo.kind == SloPlan::Kind::ErrorRate ? " failed"
                           : slo.limit_text.empty()             ? " were too slow"
                                                                : " took longer than " + slo.limit_text;
  std::string text = as_percent(v.canary) + " of " + with_commas(v.canary_requests) + " canary requests" + verb;
  if (v.baseline_requests <= 0) return text + ", no baseline to compare with";
  text += ", baseline " + as_percent(v.baseline) + " of " + with_commas(v.baseline_requests);
  if (!v.estimate) return text;
  text += ": " + times(*v.estimate);
  if (v.interval) {
    const std::string high = v.interval->bounded() ? format("%.2g", v.interval->high) : ">64";
    text += " [" + (v.interval->low > 0 ? format("%.2g", v.interval->low) : "0") + ", " + high + "]";
  }
  return text + " on average so far";
}

std::string tempering(const SloVerdict& v) {
  return " Evidence is divided by " + format("%.2g", v.phi) + " for burstiness (online estimate, uncalibrated).";
}

}  // namespace

std::string with_commas(double value) {
  std::string digits = format("%.0f", std::max(0.0, value));
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string as_percent(double share) { return format("%.3g", 100 * share) + "%"; }

std::string slo_sentence(const TrialPlan& plan, const SloPlan& slo, const SloVerdict& v, const SloTrial& trial) {
  using State = SloVerdict::State;
  if (v.state == State::NoData) {
    if (trial.covered == 0) return slo.name + ": no data yet";
    return slo.name + ": no data for " + std::to_string(v.silent_ticks) +
           " ticks; the evidence so far is kept (" + odds(v.evidence) + " of " + with_commas(v.needed) + ":1)";
  }
  if (v.canary_requests <= 0) return slo.name + ": no canary requests yet";
  const auto absolute = objective_limit(plan, slo);
  const std::string limit = limit_words(plan, slo, absolute && trial.absolute.log_e > trial.relative.log_e);
  const std::string seen = slo.name + ": " + observation(slo, v) + ". ";
  const std::string harm = "Evidence " + odds(v.evidence) + " against \"" + limit + "\"";
  const std::string health_line = line(health_limit(plan, slo));
  switch (v.state) {
    case State::Breach: {
      std::string text = "FAIL " + seen + harm + " (needs " + with_commas(v.needed) + ":1); " +
                         format("%.4g", 100 * (1 - 1 / std::max(v.evidence, 1.0))) + "% confident.";
      if (v.evidence < v.needed) text = "FAIL " + seen + harm + "; the largest share of the joint evidence.";
      if (v.baseline_requests > 0)
        text += " About " + with_commas(v.excess_failures) + " more bad requests than the baseline's rate gives.";
      return text + tempering(v);
    }
    case State::Hold:
      return "HOLD " + seen + harm + ", from " + format("%.3g", std::sqrt(v.needed)) + ":1 the weight is not raised, at " +
             with_commas(v.needed) + ":1 it fails." + tempering(v);
    case State::Pass:
      return "PASS " + seen + "Proven \"" + health_line + "\" with evidence " + odds(v.health_evidence) + " (needs " +
             with_commas(v.health_needed) + ":1)." + tempering(v);
    case State::Judging:
    case State::NoData: break;
  }
  std::string text = seen + harm + " (fails at " + with_commas(v.needed) + ":1). ";
  if (v.health_evidence >= v.health_needed) {
    text += "Proven \"" + health_line + "\", but ";
    if (v.canary_requests < plan.min_requests) return text + "promotion needs " + with_commas(plan.min_requests) + " canary requests.";
    return text + "promotion needs data in 90% of the ticks and in the last one (now " + as_percent(v.coverage) + ").";
  }
  text += "Not yet proven \"" + health_line + "\": " + odds(v.health_evidence) + " of " + with_commas(v.health_needed) + ":1";
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
  if (deciding == 1) return chosen->message;
  switch (v.state) {
    case Verdict::State::Fail:
      return chosen->message + " Joint evidence of " + std::to_string(deciding) + " SLOs " + odds(v.peak_evidence) + " (needs " + with_commas(v.needed) + ":1).";
    case Verdict::State::Hold:
      return "HOLD: joint evidence of " + std::to_string(deciding) + " SLOs " + odds(v.evidence) + ". " + chosen->message;
    case Verdict::State::Pass:
      return "PASS: all " + std::to_string(deciding) + " SLOs are proven inside their margins. Weakest: " + chosen->message;
    case Verdict::State::Judging: break;
  }
  (void)plan;
  return chosen->message;
}

}  // namespace sluice::judge
