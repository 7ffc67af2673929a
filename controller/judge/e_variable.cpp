#include "controller/judge/e_variable.h"

#include <algorithm>
#include <cmath>

namespace sluice::judge {
namespace {

constexpr double kHighestLimit = 0.999;  // above it nothing is left to be proven too bad

// ln of the Bernoulli likelihood ratio p : q of k bad among n; log1p keeps the digits where p and q are close or tiny.
double log_ratio(double n, double k, double p, double q) {
  double sum = 0;
  if (k > 0) sum += k * std::log(p / q);
  if (n > k) sum += (n - k) * std::log1p((q - p) / (1 - q));
  return sum;
}

double log_e_absolute(const Limit& limit, const Counts& canary, double c) {
  const double q1 = std::min(limit.delta, kHighestLimit);
  return log_ratio(canary.total, canary.bad, odds_multiple(q1, c), q1);
}

}  // namespace

double nearest_baseline(const Limit& limit, double n1, double p1, double n0, double p0) {
  // The objective is convex in s; its derivative g grows from below 0 to above 0 between the rate that p1 alone would
  // choose (s1) and the one that p0 alone would choose. Newton's method, kept inside that bracket.
  const double theta = limit.theta;
  const double s1 = (p1 - limit.delta) / theta;
  const double end = (1 - limit.delta) / theta;  // theta*s+delta reaches 1
  double low = std::max(0.0, std::min(p0, s1));
  double high = std::min({std::max(p0, s1), end, 1.0});
  // Start where rare failures would have it: (1-p)/(1-q) taken as 1, g = 0 is a quadratic in s.
  const double both = n1 * theta + n0;
  const double middle = limit.delta * both - theta * (n1 * p1 + n0 * p0);
  const double root = std::sqrt(middle * middle + 4 * theta * both * n0 * p0 * limit.delta);
  double s = middle < 0 ? (root - middle) / (2 * theta * both) : 2 * n0 * p0 * limit.delta / (root + middle);
  if (!(s > low && s < high)) s = 0.5 * (low + high);
  for (int step = 0; step < 100; ++step) {
    const double inv_q = 1 / (theta * s + limit.delta);
    const double inv_not_q = 1 / (1 - theta * s - limit.delta);
    const double inv_s = 1 / s;
    const double inv_not_s = 1 / (1 - s);
    const double a = (1 - p1) * inv_not_q;
    const double b = p1 * inv_q;
    const double c = (1 - p0) * inv_not_s;
    const double d = p0 * inv_s;
    const double g = n1 * theta * (a - b) + n0 * (c - d);
    const double slope = n1 * theta * theta * (a * inv_not_q + b * inv_q) + n0 * (c * inv_not_s + d * inv_s);
    const double newton = s - g / slope;
    // The error left after a step of relative size m is about m*m: exact to rounding.
    if (std::abs(newton - s) <= 1e-9 * s) return newton;
    if (g > 0) high = s;
    else low = s;
    s = newton > low && newton < high ? newton : 0.5 * (low + high);
  }
  return s;
}

double log_e(const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat, double c) {
  if (canary.total <= 0) return 0;
  if (limit.theta == 0) return log_e_absolute(limit, canary, c);
  if (baseline.total <= 0) return 0;
  const double bound = limit.at(p0_hat);
  if (c >= 1 && bound >= kHighestLimit) return 0;
  const double p1 = odds_multiple(std::min(bound, kHighestLimit), c);
  const double q = nearest_baseline(limit, canary.total, p1, baseline.total, p0_hat);
  const double q1 = limit.at(q);
  if (!(q > 0 && q < 1 && q1 > 0 && q1 < 1)) return 0;  // the bracket closed on its end: nothing can be said
  return log_ratio(canary.total, canary.bad, p1, q1) + log_ratio(baseline.total, baseline.bad, p0_hat, q);
}

}  // namespace sluice::judge
