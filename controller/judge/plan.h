// What a canary is judged by: limits, error rates and what the service's past taught. Fixed before the first look.
//
// A plan is a value; digest() identifies it, check() says whether it can be judged by, plan_json.h stores it. Shares are shares of
// requests (0.01 = 1 %). The five kinds of SLO ask the same two questions, "worse than tolerated?" and "proven good enough?":
//   ErrorRate            bad = failed
//   Latency              bad = slower than one bound
//   LatencyDistribution  up to seven bounds at once, chosen at the start of the run from the baseline's past (latency_bounds.h)
//   Gauge                any number: in how many ticks does it breach its threshold?
//   GaugeComparison      any number: is the canary's systematically above the baseline's?
// Gauges jump from tick to tick less freely than the mathematics wants (what is high now is high in 15 s), so without calibration
// they may hold the weight but never fail a canary.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "controller/judge/calibration.h"
#include "controller/judge/counts.h"
#include "controller/judge/e_variable.h"

namespace sluice::judge {

// One bound of a whole latency distribution. Chosen by choose_bounds(); the share is where the guess of the baseline starts.
struct LatencyBound {
  double seconds = 0;
  double share = 0;         // of the baseline's requests that took longer, in its past
  double theta = 1.02;      // tolerated: canary's share above <= theta * baseline's share above
  double health_theta = 2;  // promotion proves: canary's share <= health_theta * baseline's + margin * 0.1 %; above theta
  friend bool operator==(const LatencyBound&, const LatencyBound&) = default;
};

struct SloPlan {
  enum class Kind { ErrorRate, Latency, LatencyDistribution, Gauge, GaugeComparison };

  std::string name{};
  Kind kind = Kind::ErrorRate;
  double relative = 0.10;             // tolerated: canary <= (1 + relative) * baseline + absolute
  double absolute = 1e-4;             // share of requests (GaugeComparison: in the gauge's unit); > 0 keeps "3 against none" sane
  std::optional<double> objective{};  // ErrorRate, Latency: share of good requests, such as 0.999; burning its budget fails anyway
  std::string limit_text{};           // Latency: the bound as people write it, "250ms". Gauges: the unit, "MiB"
  double weight = 1;                  // share in the average, relative to the other SLOs; 0 = shown, never decides

  std::vector<LatencyBound> bounds{};  // LatencyDistribution: 1 to 7, ascending
  double slowdown = 0.05;              // LatencyDistribution: the tolerated slow-down the bounds were chosen for; for sentences
  bool lower_is_worse = false;         // gauges: a hit rate, say
  double threshold = 0;                // Gauge: a value beyond it breaches
  double breach_share = 0.05;          // Gauge: tolerated share of ticks that breach
  double scale = 0;                    // GaugeComparison: usual spread of a 4-tick mean of the difference; 0: learned as it goes

  bool is_gauge() const { return kind == Kind::Gauge || kind == Kind::GaugeComparison; }
};

// Which pods the baseline's numbers come from. It changes nothing in the evidence, but much in how long it takes: a fresh arm
// is as small as the canary, where the stable pods have nearly all of the traffic.
enum class BaselineArm {
  Stable,  // the pods that were there before
  Fresh,   // pods of the old version started together with the canary's, equally many: caches and heaps are as young
};

struct TrialPlan {
  double alpha = 0.01;        // P(false rollback) over the whole trial
  double beta = 0.05;         // P(false promotion)
  double margin = 0.5;        // promotion proves the canary within this share of the error budget (of 0.1 % without an objective)
  double burn = 10;           // times the budget's even burn that is tolerated; at most 14.4
  int max_ticks = 480;        // length of the trial for which the test is tuned; it stays valid beyond
  double min_requests = 200;  // of the canary, before PASS
  int min_ticks = 20;         // of the trial, before PASS
  std::vector<SloPlan> slos;
  Calibration calibration{};
  BaselineArm baseline = BaselineArm::Stable;
  int fail_ticks = 2;       // evidence of at least so many ticks is needed to fail, so one burst never decides; 1: no such cap
  double tick_seconds = 0;  // for sentences and forecasts only; 0: unknown
};

// Invalid, naming the field and what it may be, unless the plan can be judged by.
Expected<void> check(const TrialPlan& plan);

// What the canary must not exceed: (1 + relative) * p0 + absolute. LatencyDistribution: at one of its bounds; Gauge: breach_share.
Limit harm_limit(const SloPlan& slo, int bound = 0);
// What it must be proven below for promotion: 1.5 * p0 + margin * budget; never tighter than 1.5 times the tolerance, so
// that every canary lies on the right side of one of the two limits and one test fires in the end.
Limit health_limit(const TrialPlan& plan, const SloPlan& slo, int bound = 0);
// Absolute limit on the share of bad requests: burn * (1 - objective), at most 0.999. Only with an objective.
std::optional<Limit> objective_limit(const TrialPlan& plan, const SloPlan& slo);

// How many yes-or-no questions about a request (for Gauge: about a tick) the SLO asks: 1, or one per bound; 0 for GaugeComparison.
int questions(const SloPlan& slo);
// Whether the SLO's evidence may fail the canary: not advisory, and for gauges or where replays never came to rest not without
// a usable calibration. Those that may not can still hold the weight and withhold the PASS.
bool may_fail(const TrialPlan& plan, std::size_t slo);

// Identifies everything above that the judgement depends on. Editing a limit in mid-run voids alpha, so states are bound to it.
// Plans that use nothing newer keep the digest they had in the first release.
std::string digest(const TrialPlan& plan);

}  // namespace sluice::judge
