// A Mann-Whitney judge over scraped points: the errors of each minute in percent, canary against baseline, looked at every 15
// minutes over everything so far. Rolls back if the 98 % interval of the Hodges-Lehmann shift lies above a quarter of the estimate.
// Modelled on the public documentation and source of Kayenta's NetflixACAJudge (normal approximation with corrections for ties and
// continuity, root found to 1e-4; a critical metric, direction increase, allowedIncrease 1).
#pragma once

#include <vector>

#include "tests/bench/judge/contender.h"

namespace sluice::bench {

struct Shift {
  double low = 0;       // lower end of the 98 % interval of canary - baseline
  double estimate = 0;  // Hodges-Lehmann
};

// Both samples without NaN. Zeros if either is empty.
Shift mann_whitney_shift(const std::vector<double>& canary, const std::vector<double>& baseline);

class MannWhitneyRule : public Contender {
 public:
  bool rolls_back(const Tick& tick) override;

 private:
  static constexpr int kPoint = 4;  // ticks in a point
  static constexpr int kLook = 60;  // ticks between looks

  judge::Counts canary_, baseline_;
  std::vector<double> canary_points_, baseline_points_;
  int ticks_ = 0;
};

}  // namespace sluice::bench
