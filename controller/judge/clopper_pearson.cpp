#include "controller/judge/clopper_pearson.h"

#include <algorithm>
#include <cmath>

namespace sluice::judge {

namespace {

// P(X <= x) of a binomial, summed downwards from x until the terms vanish. (The terms come from each other, not from lgamma, which
// is no function for threads.)
double log_choose(long n, long k) {
  double sum = 0;
  for (long i = 1; i <= std::min(k, n - k); ++i) sum += std::log(static_cast<double>(n - i + 1)) - std::log(static_cast<double>(i));
  return sum;
}

double at_most(long x, long n, double p, double log_of_choose) {
  if (p <= 0) return 1;
  if (p >= 1) return x >= n ? 1 : 0;
  double term = std::exp(log_of_choose + static_cast<double>(x) * std::log(p) + static_cast<double>(n - x) * std::log1p(-p));
  double sum = 0;
  for (long k = x; k >= 0; --k) {
    sum += term;
    term *= static_cast<double>(k) / static_cast<double>(n - k + 1) * (1 - p) / p;
    // Below the mode terms fall; above it (p small) they rise first.
    if (static_cast<double>(k) < p * static_cast<double>(n) && term < 1e-18 * sum) break;
  }
  return std::min(1.0, sum);
}

}  // namespace

double upper_limit(long x, long n, double confidence) {
  if (x >= n) return 1;
  const double choose = log_choose(n, x);
  double low = static_cast<double>(x) / static_cast<double>(n), high = 1;
  for (int i = 0; i < 60; ++i) {
    const double p = (low + high) / 2;
    (at_most(x, n, p, choose) > 1 - confidence ? low : high) = p;
  }
  return high;
}

// x successes are n - x failures.
double lower_limit(long x, long n, double confidence) { return x <= 0 ? 0 : 1 - upper_limit(n - x, n, confidence); }

}  // namespace sluice::judge
