// What a trial says now: per SLO and in all, as numbers for the engine and as sentences for people.
//
// FAIL  the evidence of harm reached 1/alpha; final.
// HOLD  it stands at 1/sqrt(alpha) or more: do not raise the weight. Comes and goes.
// PASS  every deciding SLO is proven inside its promotion limit right now (evidence 1/beta), with enough requests, ticks
//       and coverage. Not latched: ask at the instant of promotion. How long the last step lasted is the caller's check.
// Neither at the end of the time allowed is INCONCLUSIVE, which is the caller's word; no_harm and forecast_requests help.
// Pure functions. Ratios are shares of requests (0.01 = 1 %), evidence is an e-value ("times as likely"; 1 = none).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/judge/trial.h"

namespace sluice::judge {

struct SloVerdict {
  enum class State {
    NoData,   // never any data, or none in the last 5 ticks or more
    Judging,
    Hold,
    Breach,   // a culprit of the failure (for an advisory SLO: its own evidence reached 1/alpha)
    Pass,
  };

  std::string name;
  State state = State::NoData;
  bool advisory = false;
  double canary = 0;                           // share of bad requests so far
  double baseline = 0;                         // the same, over the ticks in which the canary had requests
  double limit = 0;                            // what the canary must stay below: of the test that speaks loudest
  std::optional<double> estimate;              // Mantel-Haenszel ratio canary : baseline, average so far
  std::optional<RatioInterval::Range> interval;  // its 95 % confidence sequence
  double evidence = 1;                         // of harm
  double needed = 100;                         // evidence at which the trial fails, for an average of one
  double health_evidence = 1;                  // of health
  double health_needed = 20;
  double canary_requests = 0;
  double baseline_requests = 0;
  double excess_failures = 0;                  // bad canary requests beyond the baseline's rate, estimated, >= 0
  double phi = 1;                              // overdispersion that evidence is tempered by (online, uncalibrated)
  double coverage = 0;                         // share of ticks with data, 0..1
  int silent_ticks = 0;                        // since the last data
  std::optional<double> forecast_requests;     // more canary requests until PASS if it is as good as the baseline
  std::string message;                         // the sentence
};

struct Verdict {
  enum class State { Judging, Hold, Fail, Pass };

  State state = State::Judging;
  double evidence = 1;         // weighted average over the deciding SLOs
  double peak_evidence = 1;    // its highest value so far
  double needed = 100;         // 1/alpha
  bool no_harm = true;         // evidence < 1 now and never at HOLD: nothing speaks against the canary (which is not a proof)
  std::vector<SloVerdict> slos;
  double canary_requests = 0;  // of the deciding SLO with the fewest
  double coverage = 0;         // of the deciding SLO with the least
  int ticks = 0;
  std::string sentence;
};

// `trial` must be of this plan (advance() and from_json() see to it); a trial not begun yet is all NoData.
Verdict verdict(const TrialPlan& plan, const Trial& trial);

// CamelCase names, as the API shows them: "Judging", "Hold", "Fail", "Pass"; "NoData", "Breach".
std::string_view name(Verdict::State state);
std::string_view name(SloVerdict::State state);

}  // namespace sluice::judge
