// One canary on trial: the plan (limits and error rates), the state after each tick, and the step from one to the next.
//
// begin() or a default Trial starts; advance() is a pure function of plan, state and one tick; verdict.h reads the state.
// The state is a value of fixed size per SLO and survives restarts bit for bit (trial_json.h). Nothing here knows time:
// a tick is whatever stretch the caller counted over, one scrape interval as a rule.
// Guarantee: as long as the canary is acceptable in the sense of the plan, P(the trial ever fails) <= alpha, however many
// SLOs, ticks, looks and weight changes there are, requests being independent given the tick. Several SLOs are joined
// by the weighted average of their e-values, which holds under any dependence between them.
// Source: docs/judge.md; Vovk, Wang, "E-values: calibration, combination and applications" (2021) for the average.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "controller/judge/baseline_rate.h"
#include "controller/judge/counts.h"
#include "controller/judge/e_process.h"
#include "controller/judge/overdispersion.h"
#include "controller/judge/rate_ratio.h"
#include "controller/judge/ratio_interval.h"

namespace sluice::judge {

struct SloPlan {
  enum class Kind { ErrorRate, Latency };  // Latency: bad = slower than a bound; only the sentence differs

  std::string name{};
  Kind kind = Kind::ErrorRate;
  double relative = 0.10;           // tolerated: canary <= (1 + relative) * baseline + absolute
  double absolute = 1e-4;           // share of requests; > 0 keeps "3 errors against none" a sane question
  std::optional<double> objective{};  // share of good requests, such as 0.999: burning its budget fails whatever the baseline does
  std::string limit_text{};           // for Latency the bound as people write it, "250ms"
  double weight = 1;                // share in the average, relative to the other SLOs; 0 = shown, never decides
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
};

// Invalid, naming the field and what it may be, unless the plan can be judged by.
Expected<void> check(const TrialPlan& plan);

// What the canary must not exceed: (1 + relative) * p0 + absolute.
Limit harm_limit(const SloPlan& slo);
// What it must be proven below for promotion: 1.5 * p0 + margin * budget; never tighter than 1.5 times the tolerance, so
// that every canary lies on the right side of one of the two limits and one test fires in the end.
Limit health_limit(const TrialPlan& plan, const SloPlan& slo);
// Absolute limit on the share of bad requests: burn * (1 - objective), at most 0.999. Only with an objective.
std::optional<Limit> objective_limit(const TrialPlan& plan, const SloPlan& slo);
// Identifies everything above that the judgement depends on. Editing a limit in mid-run voids alpha, so states are bound to it.
std::string digest(const TrialPlan& plan);

struct SloTrial {
  HarmProcess relative;   // against harm_limit
  HarmProcess absolute;   // against objective_limit
  HealthProcess health;   // for promotion
  BaselineRate baseline;
  Overdispersion spread;
  RateRatio ratio;
  RatioInterval interval;
  Counts canary_total;
  Counts baseline_total;  // of ticks in which the canary had requests too
  Counts waiting_canary;  // ticks in which one arm had no request wait to be merged with the next
  Counts waiting_baseline;
  int waiting_ticks = 0;
  int covered = 0;        // ticks with data
  int silent = 0;         // ticks without data since the last one with data

  friend bool operator==(const SloTrial&, const SloTrial&) = default;
};

struct Trial {
  std::string plan;                // digest; empty: not begun
  int ticks = 0;
  double peak = kLogZero;          // highest log_evidence so far
  bool failed = false;             // evidence reached 1/alpha once. Final: later ticks change nothing
  std::vector<SloTrial> slos;      // as in the plan

  friend bool operator==(const Trial&, const Trial&) = default;
};

// Invalid: the plan.
Expected<Trial> begin(const TrialPlan& plan);

// The trial after one more tick; `ticks` holds one entry per SLO of the plan, in its order. A default Trial begins.
// Invalid, and nothing changes: a number of entries that is not the plan's, counts that are negative, not finite, above
// 1e15 or with bad > total, a state of another plan.
Expected<Trial> advance(const TrialPlan& plan, const Trial& trial, std::span<const SloTick> ticks);

// To be called when the weight was changed: requests waiting to be merged must not be paired across the change.
Trial at_new_weight(const Trial& trial);

// ln of the e-value of one SLO, and of the weighted average that decides. An SLO whose canary never failed has at most 0.
double log_evidence(const SloPlan& slo, const SloTrial& trial);
double log_evidence(const TrialPlan& plan, const Trial& trial);

}  // namespace sluice::judge
