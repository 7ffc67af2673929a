// What a trial says now: per SLO and in all, as numbers for the engine and as sentences for people.
//
// FAIL  the evidence of harm reached 1/alpha; final.
// HOLD  it stands at 1/sqrt(alpha) or more: do not raise the weight. Comes and goes. An SLO that may not fail can hold, too.
// PASS  every deciding SLO is proven inside its promotion limit right now (evidence 1/beta), with enough requests, ticks
//       and coverage. Not latched: ask at the instant of promotion. How long the last step lasted is the caller's check.
// INCONCLUSIVE  neither, and the time is over: final_verdict(). no_harm and forecast_requests help to decide what to do then.
// Pure functions. Ratios are shares of requests (0.01 = 1 %), evidence is an e-value ("times as likely"; 1 = none).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/judge/quantile.h"
#include "controller/judge/trial.h"

namespace sluice::judge {

// What stands behind alpha.
enum class Guarantee {
  Replayed,   // calibrated: 1/(H+1) whatever requests depend on, if today is like the days that were replayed
  Estimated,  // clumpiness is estimated while judging: exact alpha for independent requests, no proof for clumps
};

// Bad canary requests of the pod that has most of them.
struct Concentration {
  int pod = 0;       // pod_id() of its name
  int pods = 0;      // pods of the canary
  double share = 0;  // of the canary's bad requests that are known by pod
};

// Where a quantile lies in each arm, at 95 %.
struct QuantileRow {
  double q = 0;  // 0.5, 0.95, 0.99
  QuantileRange canary, baseline;
};

struct SloVerdict {
  enum class State {
    NoData,  // never any data, or none in the last 5 ticks or more
    Judging,
    Hold,
    Breach,  // a culprit of the failure (for an advisory SLO: its own evidence reached 1/alpha)
    Pass,
  };

  std::string name;
  State state = State::NoData;
  bool advisory = false;
  bool hold_only = false;                        // deciding, but may not fail the canary: a gauge without calibration
  double canary = 0;                             // share of bad requests so far; Gauge: of breaching ticks; GaugeComparison: mean value
  double baseline = 0;                           // the same, over the ticks in which the canary had requests
  double limit = 0;                              // what the canary must stay below: of the test that speaks loudest
  std::optional<double> bound;                   // LatencyDistribution: seconds of the bound with the most evidence; canary ... are of it
  std::optional<double> estimate;                // Mantel-Haenszel ratio canary : baseline, average so far
  std::optional<RatioInterval::Range> interval;  // its 95 % confidence sequence; not of LatencyDistribution
  std::vector<QuantileRow> quantiles;            // LatencyDistribution: those of which something is known
  double evidence = 1;                           // of harm
  double needed = 100;                           // evidence at which the trial fails, for an average of one
  double health_evidence = 1;                    // of health
  double health_needed = 20;
  double canary_requests = 0;  // gauges: 0
  double baseline_requests = 0;
  double excess_failures = 0;               // bad canary requests beyond the baseline's rate, estimated, >= 0
  double phi = 1;                           // what log-evidence is divided by
  double coverage = 0;                      // share of ticks with data, 0..1
  int silent_ticks = 0;                     // since the last data
  std::optional<double> forecast_requests;  // more canary requests until PASS if it is as good as the baseline
  std::optional<Concentration> concentration;
  std::string message;  // the sentence
};

struct Verdict {
  enum class State { Judging, Hold, Fail, Pass, Inconclusive };

  State state = State::Judging;
  double evidence = 1;       // weighted average over the SLOs that may fail
  double peak_evidence = 1;  // its highest value so far
  double needed = 100;       // 1/alpha
  bool no_harm = true;       // evidence < 1 now and never at HOLD: nothing speaks against the canary (which is not a proof)
  Guarantee guarantee = Guarantee::Estimated;
  int replays = 0;  // H
  std::vector<SloVerdict> slos;
  double canary_requests = 0;  // of the deciding SLO with the fewest, gauges aside
  double coverage = 0;         // of the deciding SLO with the least
  int ticks = 0;
  std::string sentence;
};

// `trial` must be of this plan (advance() and from_json() see to it); a trial not begun yet is all NoData. Invalid plans: all NoData.
Verdict verdict(const Rules& rules, const Trial& trial);
Verdict verdict(const TrialPlan& plan, const Trial& trial);
// The same when there will be no more ticks: what is neither FAIL nor PASS is INCONCLUSIVE.
Verdict final_verdict(const TrialPlan& plan, const Trial& trial);

// CamelCase names, as the API shows them: "Judging", "Hold", "Fail", "Pass", "Inconclusive"; "NoData", "Breach".
std::string_view name(Verdict::State state);
std::string_view name(SloVerdict::State state);

}  // namespace sluice::judge
