// The rule of most delivery tools: once a minute the success share of the last minute is compared with a threshold, and enough
// failed checks roll back. Only the canary is looked at.
// Modelled on the public documentation of Argo Rollouts (AnalysisTemplate: successCondition, failureLimit; rolls back when more than
// failureLimit measurements failed; no value makes the condition false) and of Flagger (metrics: threshold, interval; rolls back
// when `threshold` checks failed; no values count as failed).
#pragma once

#include "tests/bench/judge/contender.h"

namespace sluice::bench {

struct FailureLimit {
  double success = 0.99;     // a check fails below this share of good requests
  int failures = 5;          // rolls back at so many failed checks
  bool consecutive = false;  // a check that succeeds starts the count again
  int every = 4;             // ticks between checks, and the window of each
};

class FailureLimitRule : public Contender {
 public:
  explicit FailureLimitRule(const FailureLimit& limit) : limit_(limit) {}
  bool rolls_back(const Tick& tick) override;

 private:
  FailureLimit limit_;
  judge::Counts window_;
  int ticks_ = 0;
  int failed_ = 0;
};

}  // namespace sluice::bench
