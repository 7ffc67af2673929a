// One SLO on trial: its state, and the step from one tick to the next, in place and without allocation.
//
// The state has one fixed size (about 3 KB, whatever the kind of SLO is), is a plain value and is read by verdict.h.
// Not thread-safe.
#pragma once

#include <array>

#include "controller/judge/baseline_rate.h"
#include "controller/judge/counts.h"
#include "controller/judge/e_process.h"
#include "controller/judge/overdispersion.h"
#include "controller/judge/plan.h"
#include "controller/judge/pod_shares.h"
#include "controller/judge/rate_ratio.h"
#include "controller/judge/ratio_interval.h"
#include "controller/judge/symmetric_process.h"

namespace sluice::judge {

// One yes-or-no question about a request: did it fail, did it take longer than this bound?
struct Question {
  HarmProcess relative;  // against harm_limit
  HealthProcess health;  // for promotion
  BaselineRate baseline;
  Overdispersion spread;
  RateRatio ratio;
  double canary_bad = 0;
  double baseline_bad = 0;    // of ticks in which the canary had requests too
  double waiting_canary = 0;  // bad ones among the requests that wait
  double waiting_baseline = 0;

  friend bool operator==(const Question&, const Question&) = default;
};

// A gauge of both arms: 4-tick means of how far the canary is beyond what is tolerated.
struct GaugeTrial {
  SymmetricProcess harm;
  SymmetricProcess health;
  double block_harm = 0;  // sums of the open block
  double block_health = 0;
  double last = 0;  // mean of the last block, and the sum of squared steps between blocks: the spread, if no scale is known
  double steps = 0;
  int block_ticks = 0;
  int blocks = 0;
  double canary_mean = 0;  // for showing
  double baseline_mean = 0;

  friend bool operator==(const GaugeTrial&, const GaugeTrial&) = default;
};

struct SloTrial {
  std::array<Question, kMaxBounds> questions{};
  int asked = 0;         // the first so many of them are in use: questions(plan)
  HarmProcess absolute;  // against objective_limit
  GaugeTrial gauge;
  RatioInterval interval;  // of the only question
  PodShares pods;
  double canary_requests = 0;    // Gauge, GaugeComparison: ticks with values
  double baseline_requests = 0;  // of ticks in which the canary had requests too
  double waiting_canary = 0;     // ticks in which one arm had no request wait to be merged with the next
  double waiting_baseline = 0;
  double widened = 0;  // theta that the spread between pods made of the plan's in the last tick; 0: not wider
  int waiting_ticks = 0;
  int covered = 0;  // ticks with data
  int silent = 0;   // ticks without data since the last one with data

  Counts canary(int question = 0) const { return {canary_requests, questions[static_cast<std::size_t>(question)].canary_bad}; }
  Counts baseline(int question = 0) const { return {baseline_requests, questions[static_cast<std::size_t>(question)].baseline_bad}; }
  friend bool operator==(const SloTrial&, const SloTrial&) = default;
};

// What a tick of one SLO is judged by, worked out once from a plan (rules.h).
struct SloRules {
  SloPlan::Kind kind = SloPlan::Kind::ErrorRate;
  int questions = 1;
  std::array<HarmTest, kMaxBounds> harm{};
  std::array<Limit, kMaxBounds> health{};
  std::array<double, kMaxBounds> share{};  // first guess of the baseline's rate; 0: none
  bool has_objective = false;
  HarmTest objective;
  double phi = 0;  // calibrated tempering; 0: estimated while judging
  double pod_spread = 0;
  double log_weight = kLogZero;  // in the average that decides; ln 0: it may not fail the canary
  double alpha = 0.01;
  bool harm_only = false;  // for replays: nothing that only promotion and sentences need
  struct Gauge {
    bool lower_is_worse = false;
    double threshold = 0, scale = 0, relative = 0, absolute = 0;
  } gauge;
  double health_relative = 0, health_absolute = 0;  // GaugeComparison: what promotion proves
};

SloRules slo_rules(const TrialPlan& plan, std::size_t slo);
SloTrial begin(const SloRules& rules);
// Whether these counts and values can be judged by; a tick without data always can.
bool valid(const SloRules& rules, const SloTick& tick);
// One more valid tick; it is the `ticks`-th of the trial.
void update(SloTrial& trial, const SloRules& rules, const SloTick& tick, int ticks);
// Requests waiting to be merged are let go: the weight was changed.
void drop_waiting(SloTrial& trial);

// ln of the e-value of harm. An SLO whose canary never had a bad request has at most 0.
double log_evidence(const SloRules& rules, const SloTrial& trial);
double log_evidence(const SloRules& rules, const SloTrial& trial, int question);  // not of GaugeComparison
// ln of the evidence that the canary is within the promotion limit: of the least proven question.
double log_health(const SloRules& rules, const SloTrial& trial);

}  // namespace sluice::judge
