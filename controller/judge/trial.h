// One canary on trial: the state after each tick, and the step from one to the next.
//
// begin() or a default Trial starts; advance() takes plan, state and one tick; verdict.h reads the state. The state is a value of
// fixed size per SLO and survives restarts bit for bit (trial_json.h). Nothing here knows time: a tick is whatever stretch the
// caller counted over, one scrape interval as a rule.
// Guarantee: as long as the canary is acceptable in the sense of the plan, P(the trial ever fails) <= alpha, however many
// SLOs, ticks, looks and weight changes there are, requests being independent given the tick (calibration.h for when they are
// not). Several SLOs are joined by the weighted average of their e-values, which holds under any dependence between them.
// Source: docs/judge.md; Vovk, Wang, "E-values: calibration, combination and applications" (2021) for the average.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "controller/judge/counts.h"
#include "controller/judge/plan.h"
#include "controller/judge/rules.h"
#include "controller/judge/slo_trial.h"

namespace sluice::judge {

struct Trial {
  std::string plan;  // digest; empty: not begun
  int ticks = 0;
  double peak = kLogZero;      // highest log_evidence so far
  bool failed = false;         // evidence reached 1/alpha once. Final: later ticks change nothing
  bool held = false;           // some deciding evidence reached 1/sqrt(alpha) once
  std::vector<SloTrial> slos;  // as in the plan

  friend bool operator==(const Trial&, const Trial&) = default;
};

Trial begin(const Rules& rules);
// One more tick, in place; `ticks` holds one entry per SLO of the plan, in its order. A default Trial begins (which allocates;
// afterwards nothing does).
// Invalid, and nothing changes: a number of entries that is not the plan's, counts that are negative, not finite, above
// 1e15 or with bad > total, a state of another plan.
Expected<void> advance(const Rules& rules, Trial& trial, std::span<const SloTick> ticks);
// ln of the weighted average that decides; 0 where no SLO may fail the canary.
double log_evidence(const Rules& rules, const Trial& trial);

// The same as pure functions of plain values; the plan is made ready anew each time.
Expected<Trial> begin(const TrialPlan& plan);
Expected<Trial> advance(const TrialPlan& plan, const Trial& trial, std::span<const SloTick> ticks);
double log_evidence(const TrialPlan& plan, const Trial& trial);

// To be called when the weight was changed: requests waiting to be merged must not be paired across the change.
Trial at_new_weight(const Trial& trial);

}  // namespace sluice::judge
