#include "tests/bench/judge/cumulative.h"

#include <cmath>

namespace sluice::bench {

void Totals::add(const Tick& tick) {
  if (!tick.counts.present) return;
  canary += tick.counts.canary;
  baseline += tick.counts.baseline;
}

double Totals::variance() const {
  if (canary.total <= 0 || baseline.total <= 0) return 0;
  const double share = (canary.bad + baseline.bad) / (canary.total + baseline.total);
  return share * (1 - share) * (1 / canary.total + 1 / baseline.total);
}

bool NaiveZ::rolls_back(const Tick& tick) {
  totals_.add(tick);
  if (++ticks_ % 4 != 0) return false;
  constexpr double kQuantile = 2.3263478740408408;
  const double variance = totals_.variance();
  return variance > 0 && totals_.difference() > kQuantile * std::sqrt(variance);
}

bool MixtureRatio::rolls_back(const Tick& tick) {
  totals_.add(tick);
  const double variance = totals_.variance();
  if (totals_.canary.bad + totals_.baseline.bad < 20 || !(variance > 0) || totals_.difference() <= 0) return false;
  const double d = totals_.difference();
  const double tau2 = totals_.baseline.ratio() * totals_.baseline.ratio();
  const double log_ratio = 0.5 * std::log(variance / (variance + tau2)) + d * d * tau2 / (2 * variance * (variance + tau2));
  return log_ratio >= std::log(100.0);
}

}  // namespace sluice::bench
