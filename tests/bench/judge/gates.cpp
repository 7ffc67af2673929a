#include "tests/bench/judge/gates.h"

#include <algorithm>
#include <cmath>

#include "controller/judge/clopper_pearson.h"
#include "tests/bench/judge/bound.h"
#include "tests/bench/judge/runner.h"

namespace sluice::bench {

Share share_of(const Outcome& outcome) {
  Share share{outcome.fired, outcome.runs, 0, 0, 1};
  if (share.runs <= 0) return share;
  share.rate = static_cast<double>(share.fired) / static_cast<double>(share.runs);
  share.low = judge::lower_limit(share.fired, share.runs, kConfidence);
  share.high = judge::upper_limit(share.fired, share.runs, kConfidence);
  return share;
}

double allowed(const Cell& cell, bool calibrated) {
  const judge::TrialPlan plan = plain_plan();
  if (cell.question == Cell::Question::FalsePromotion) return independent(cell.scenario.model) ? plan.beta : 1;
  if (independent(cell.scenario.model)) return plan.alpha;
  return calibrated ? 1.5 * std::max(plan.alpha, 1.0 / (kWindows + 1)) : 1;
}

Delay delay_of(const Cell& cell, const Outcome& outcome) {
  const judge::TrialPlan plan = plain_plan();
  Delay delay;
  delay.bound = bound_ticks(judge::harm_limit(plan.slos[0]), cell.scenario, plan.alpha);
  const auto counted = static_cast<double>(outcome.runs - outcome.early);
  if (counted > 0) {
    delay.ratio = outcome.spent / counted;
    delay.ratio_error = std::sqrt(std::max(0.0, outcome.spent_square / counted - delay.ratio * delay.ratio) / counted);
    delay.found = static_cast<double>(outcome.fired - outcome.early) / counted;
  }
  const bool promised = cell.scenario.model == Model::Independent || cell.scenario.model == Model::CommonOutage;
  delay.gated = promised && cell.scenario.onset == 0 && delay.bound >= 3 && 3 * delay.bound <= cell.scenario.ticks;
  return delay;
}

DelaySummary summary(const std::vector<std::pair<Cell, Delay>>& delays) {
  DelaySummary sum;
  double logs = 0;
  for (const auto& [cell, delay] : delays) {
    if (!delay.gated) continue;
    ++sum.cells;
    sum.mean += delay.ratio;
    logs += std::log(delay.ratio);
    if (delay.ratio > sum.worst) {
      sum.worst = delay.ratio;
      sum.worst_cell = cell.name();
    }
    sum.above_mean += delay.ratio > kMeanRatio;
    sum.above_worst += delay.ratio > kWorstRatio;
    sum.missed += delay.found < kFound;
  }
  if (sum.cells > 0) {
    sum.mean /= sum.cells;
    sum.geometric_mean = std::exp(logs / sum.cells);
  }
  return sum;
}

}  // namespace sluice::bench
