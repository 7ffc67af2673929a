// A plan made ready for judging: checked, digested, and every limit and threshold worked out once, so that a tick costs arithmetic
// only. Immutable, thread-safe.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "controller/judge/plan.h"
#include "controller/judge/slo_trial.h"

namespace sluice::judge {

class Rules {
 public:
  // Invalid: what check() says.
  static Expected<Rules> of(TrialPlan plan);

  const TrialPlan& plan() const { return plan_; }
  const std::string& digest() const { return digest_; }
  std::span<const SloRules> slos() const { return slos_; }
  double log_fail() const { return log_fail_; }      // ln(1/alpha)
  double log_hold() const { return log_fail_ / 2; }  // ln(1/sqrt(alpha))

 private:
  Rules() = default;

  TrialPlan plan_;
  std::string digest_;
  std::vector<SloRules> slos_;
  double log_fail_ = 0;
};

}  // namespace sluice::judge
