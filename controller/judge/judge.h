// The judge: is the canary worse than the baseline, is it proven good enough, or is it too early to say?
//
// Pure statistics on counts: no clock, no thread, no I/O. From the bottom up:
//   counts.h             what one tick is
//   e_variable.h         one tick's evidence            e_process.h, symmetric_process.h   evidence over ticks
//   overdispersion.h     burstiness, as it goes         pod_spread.h, pod_shares.h         pods that are unlike the others
//   rate_ratio.h, ratio_interval.h, quantile.h          estimates for people
//   plan.h               limits, fixed at the start     latency_bounds.h, calibration.h    what the past says
//   slo_trial.h, rules.h, trial.h   state and step      verdict.h, sentence.h              what it says
//   sample_ratio.h       does the traffic follow the weight, so that the arms can be compared at all?
//   replay.h             calibration                    forecast.h                         how much traffic it takes
//   plan_json.h, trial_json.h, sample_ratio_json.h   plan and state across restarts
// The statistics in plain words: docs/judge.md.
#pragma once

#include "controller/judge/sample_ratio.h"
#include "controller/judge/sample_ratio_json.h"
#include "controller/judge/trial.h"
#include "controller/judge/trial_json.h"
#include "controller/judge/verdict.h"
