#include "tests/bench/judge/mann_whitney.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sluice::bench {

namespace {

constexpr double kQuantile = 2.3263478740408408;  // of the normal, 99 %: a two-sided interval of 98 %
constexpr double kTolerance = 1e-4;

// Standardised rank sum of x - shift among itself and y; falls as the shift grows. `corrected` is the continuity correction's side.
double standardised(const std::vector<double>& x, const std::vector<double>& y, double shift, double correction) {
  struct Value {
    double at;
    bool from_x;
  };
  std::vector<Value> all;
  all.reserve(x.size() + y.size());
  for (double v : x) all.push_back({v - shift, true});
  for (double v : y) all.push_back({v, false});
  std::sort(all.begin(), all.end(), [](const Value& a, const Value& b) { return a.at < b.at; });
  double ranks = 0, ties = 0;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t j = i, mine = 0;
    while (j < all.size() && all[j].at == all[i].at) mine += all[j++].from_x;
    const double same = static_cast<double>(j - i);
    ranks += static_cast<double>(mine) * (static_cast<double>(i + j + 1) / 2);
    ties += same * same * same - same;
    i = j;
  }
  const double n = static_cast<double>(x.size()), m = static_cast<double>(y.size()), both = n + m;
  const double distance = ranks - n * (n + 1) / 2 - n * m / 2;
  const double variance = n * m / 12 * (both + 1 - ties / (both * (both - 1)));
  if (!(variance > 0)) return 0;
  return (distance - correction) / std::sqrt(variance);
}

// The shift at which the statistic passes through `quantile`.
double crossing(const std::vector<double>& x, const std::vector<double>& y, double quantile, double correction) {
  const auto [x_low, x_high] = std::minmax_element(x.begin(), x.end());
  const auto [y_low, y_high] = std::minmax_element(y.begin(), y.end());
  double low = *x_low - *y_high, high = *x_high - *y_low;
  if (standardised(x, y, low, correction) <= quantile) return low;
  while (high - low > kTolerance) {
    const double middle = (low + high) / 2;
    (standardised(x, y, middle, correction) > quantile ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

Shift mann_whitney_shift(const std::vector<double>& canary, const std::vector<double>& baseline) {
  if (canary.empty() || baseline.empty()) return {};
  return {crossing(canary, baseline, kQuantile, 0.5), crossing(canary, baseline, 0, 0)};
}

bool MannWhitneyRule::rolls_back(const Tick& tick) {
  if (tick.counts.present) {
    canary_ += tick.counts.canary;
    baseline_ += tick.counts.baseline;
  }
  if (++ticks_ % kPoint != 0) return false;
  if (canary_.total > 0) canary_points_.push_back(100 * canary_.ratio());
  if (baseline_.total > 0) baseline_points_.push_back(100 * baseline_.ratio());
  canary_ = baseline_ = {};
  if (ticks_ % kLook != 0 || canary_points_.empty() || baseline_points_.empty()) return false;
  const auto mean = [](const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size()); };
  if (mean(canary_points_) <= mean(baseline_points_)) return false;  // allowedIncrease 1
  const Shift shift = mann_whitney_shift(canary_points_, baseline_points_);
  // What the search cannot tell from no shift is none: errors too rare for a minute give points of which most are 0.
  return shift.low > kTolerance && shift.low > 0.25 * std::abs(shift.estimate);
}

}  // namespace sluice::bench
