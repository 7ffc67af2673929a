// Recorded ticks judged one after the other, as the operator would have judged them.
#pragma once

#include <span>

#include "controller/judge/judge.h"

namespace sluice::judge_tool {

class Replay {
 public:
  // Invalid: the plan.
  static Expected<Replay> of(judge::TrialPlan plan);

  // The verdict after one more tick. Invalid: counts that cannot be.
  Expected<judge::Verdict> step(std::span<const judge::SloTick> ticks);
  // The verdict when there are no more ticks: what is neither Fail nor Pass is Inconclusive.
  judge::Verdict end() const { return judge::final_verdict(rules_.plan(), trial_); }
  bool failed() const { return trial_.failed; }
  bool held() const { return trial_.held; }
  int ticks() const { return trial_.ticks; }

 private:
  explicit Replay(judge::Rules rules) : rules_(std::move(rules)), trial_(judge::begin(rules_)) {}

  judge::Rules rules_;
  judge::Trial trial_;
};

}  // namespace sluice::judge_tool
