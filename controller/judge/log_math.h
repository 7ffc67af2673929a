// Arithmetic on logarithms of non-negative numbers; -infinity is the logarithm of 0 and is handled everywhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace sluice::judge {

inline constexpr double kLogZero = -std::numeric_limits<double>::infinity();

// ln(e^a + e^b)
inline double log_add(double a, double b) {
  const double high = std::max(a, b);
  const double low = std::min(a, b);
  if (low == kLogZero || low - high < -40) return high;  // e^-40 is below the rounding of 1
  return high + std::log1p(std::exp(low - high));
}

// ln(e^a - e^b) for a >= b; rounding that makes b a little larger gives ln 0.
inline double log_subtract(double a, double b) {
  if (b == kLogZero) return a;
  if (b >= a) return kLogZero;
  return a + std::log1p(-std::exp(b - a));
}

// ln(sum e^x); ln 0 of nothing.
inline double log_sum(std::span<const double> values) {
  double high = kLogZero;
  for (double v : values) high = std::max(high, v);
  if (high == kLogZero) return kLogZero;
  double sum = 0;
  for (double v : values)
    if (v - high > -40) sum += std::exp(v - high);
  return high + std::log(sum);
}

}  // namespace sluice::judge
