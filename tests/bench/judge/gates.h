// What was promised, against what was measured: per cell and over cells.
//
//   false rollbacks   lower 99 % limit (Clopper, Pearson) at most alpha; where requests are not independent, and with calibration, at
//                     most 1.5 * max(alpha, 1/(H+1)). Without calibration only independent requests are promised anything.
//   delay             information spent until the rollback : ln(1/alpha), in cells of independent requests and of common outages whose
//                     bound is 3 ticks or more and at most a third of the run: at most 1.5 on average over the cells, 2.0 in each, and
//                     99 % of the canaries found. For the calibrated judge.
//   false promotions  lower 99 % limit at most beta.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/judge/cell.h"
#include "tests/bench/judge/tally.h"

namespace sluice::bench {

inline constexpr double kConfidence = 0.99;

// A share of runs with its one-sided limits.
struct Share {
  long fired = 0, runs = 0;
  double rate = 0, low = 0, high = 1;
};
Share share_of(const Outcome& outcome);

// The largest lower limit that is allowed; 1 where nothing is promised. FalseRollback and FalsePromotion.
double allowed(const Cell& cell, bool calibrated);

struct Delay {
  double bound = 0;        // ticks
  double ratio = 0;        // information spent : ln(1/alpha), mean over runs; those not found count with what they spent
  double ratio_error = 0;  // standard error of it
  double found = 0;        // share of the runs
  bool gated = false;      // the promise on the ratio applies to the cell
};
Delay delay_of(const Cell& cell, const Outcome& outcome);

inline constexpr double kMeanRatio = 1.5, kWorstRatio = 2.0, kFound = 0.99;

// Over the cells where the promise applies; 0 cells: nothing was measured.
struct DelaySummary {
  int cells = 0;
  double mean = 0, geometric_mean = 0, worst = 0;
  std::string worst_cell;
  int above_mean = 0, above_worst = 0;  // cells
  int missed = 0;                       // cells in which fewer than 99 % were found
};
DelaySummary summary(const std::vector<std::pair<Cell, Delay>>& delays);

}  // namespace sluice::bench
