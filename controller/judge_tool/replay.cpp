#include "controller/judge_tool/replay.h"

namespace sluice::judge_tool {

Expected<Replay> Replay::of(judge::TrialPlan plan) {
  auto rules = judge::Rules::of(std::move(plan));
  if (!rules) return Unexpected(rules.error());
  return Replay(*std::move(rules));
}

Expected<judge::Verdict> Replay::step(std::span<const judge::SloTick> ticks) {
  if (auto ok = judge::advance(rules_, trial_, ticks); !ok) return Unexpected(ok.error());
  return judge::verdict(rules_, trial_);
}

}  // namespace sluice::judge_tool
