// The judge: is the canary worse than the baseline, is it proven good enough, or is it too early to say?
//
// Pure statistics on counts: no clock, no thread, no I/O. From the bottom up:
//   counts.h          what one tick is
//   e_variable.h      one tick's evidence              e_process.h      evidence over ticks
//   overdispersion.h  burstiness                       rate_ratio.h, ratio_interval.h   the estimate
//   trial.h           plan, state, one step            verdict.h, sentence.h            what it says
//   trial_json.h      the state across restarts
// The statistics in plain words: docs/judge.md.
#pragma once

#include "controller/judge/trial.h"
#include "controller/judge/trial_json.h"
#include "controller/judge/verdict.h"
