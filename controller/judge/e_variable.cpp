#include "controller/judge/e_variable.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sluice::judge {
namespace {

constexpr double kHighestLimit = 0.999;  // above it nothing is left to be proven too bad

using Lanes = std::array<double, kMaxOdds>;

// ln of the Bernoulli likelihood ratio p : q of k bad among n; log1p keeps the digits where p and q are close or tiny.
double log_ratio(double n, double k, double p, double q) {
  double sum = 0;
  if (k > 0) sum += k * std::log(p / q);
  if (n > k) sum += (n - k) * std::log1p((q - p) / (1 - q));
  return sum;
}

// nearest_baseline for `lanes` values of p1 at once. The lanes take their Newton steps together, so that their divisions overlap;
// one that has arrived stands still.
void nearest_baselines(const Limit& limit, double n1, const Lanes& p1, double n0, double p0, std::size_t lanes, Lanes& s) {
  // The objective is convex in s; its derivative g grows from below 0 to above 0 between the rate that p1 alone would
  // choose (s1) and the one that p0 alone would choose. Newton's method, kept inside that bracket.
  const double theta = limit.theta;
  const double end = std::min((1 - limit.delta) / theta, 1.0);  // where theta*s+delta or s reaches 1
  const double both = n1 * theta + n0;
  Lanes low, high, open;
  for (std::size_t j = 0; j < lanes; ++j) {
    const double s1 = (p1[j] - limit.delta) / theta;
    low[j] = std::max(0.0, std::min(p0, s1));
    high[j] = std::min(std::max(p0, s1), end);
    // Start where rare failures would have it: (1-p)/(1-q) taken as 1, g = 0 is a quadratic in s.
    const double middle = limit.delta * both - theta * (n1 * p1[j] + n0 * p0);
    const double root = std::sqrt(middle * middle + 4 * theta * both * n0 * p0 * limit.delta);
    const double start = middle < 0 ? (root - middle) / (2 * theta * both) : 2 * n0 * p0 * limit.delta / (root + middle);
    s[j] = start > low[j] && start < high[j] ? start : 0.5 * (low[j] + high[j]);
    open[j] = 1;
  }
  const double n1_theta = n1 * theta;
  double any = 1;
  for (int step = 0; step < 100 && any > 0; ++step) {
    any = 0;
    for (std::size_t j = 0; j < lanes; ++j) {
      const double at = s[j];
      const double q = theta * at + limit.delta;
      const double not_q = 1 - theta * at - limit.delta;
      const double not_s = 1 - at;
      // One division for both reciprocals of a product.
      const double by_q = 1 / (q * not_q);
      const double by_s = 1 / (at * not_s);
      const double inv_q = by_q * not_q, inv_not_q = by_q * q;
      const double inv_s = by_s * not_s, inv_not_s = by_s * at;
      const double a = (1 - p1[j]) * inv_not_q;
      const double b = p1[j] * inv_q;
      const double c = (1 - p0) * inv_not_s;
      const double d = p0 * inv_s;
      const double g = n1_theta * (a - b) + n0 * (c - d);
      const double slope = n1_theta * theta * (a * inv_not_q + b * inv_q) + n0 * (c * inv_not_s + d * inv_s);
      const double newton = at - g / slope;
      // The error left after a step of relative size m is about m*m: exact to rounding.
      const bool there = std::abs(newton - at) <= 1e-9 * at;
      const double up = g > 0 ? at : high[j], down = g > 0 ? low[j] : at;
      const double inside = newton > down && newton < up ? newton : 0.5 * (down + up);
      const double next = there ? newton : inside;
      const bool moves = open[j] > 0;
      s[j] = moves ? next : at;
      high[j] = moves ? up : high[j];
      low[j] = moves ? down : low[j];
      open[j] = there ? 0 : open[j];
      any += open[j];
    }
  }
}

}  // namespace

double divergence(double p, double q) { return log_ratio(1, p, p, q); }

double nearest_baseline(const Limit& limit, double n1, double p1, double n0, double p0) {
  Lanes s, p;
  p[0] = p1;
  nearest_baselines(limit, n1, p, n0, p0, 1, s);
  return s[0];
}

void log_e(const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat, std::span<const double> odds,
           std::span<double> out) {
  const std::size_t lanes = std::min({odds.size(), out.size(), kMaxOdds});
  const bool absolute = limit.theta == 0;
  const double bound = absolute ? std::min(limit.delta, kHighestLimit) : limit.at(p0_hat);
  if (canary.total <= 0 || (!absolute && baseline.total <= 0) || lanes == 0 || (!absolute && odds[0] >= 1 && bound >= kHighestLimit)) {
    std::fill_n(out.begin(), lanes, 0.0);
    return;
  }
  Lanes p1, q;
  for (std::size_t j = 0; j < lanes; ++j) p1[j] = odds_multiple(std::min(bound, kHighestLimit), odds[j]);
  if (absolute) {
    for (std::size_t j = 0; j < lanes; ++j) out[j] = log_ratio(canary.total, canary.bad, p1[j], bound);
    return;
  }
  nearest_baselines(limit, canary.total, p1, baseline.total, p0_hat, lanes, q);
  for (std::size_t j = 0; j < lanes; ++j) {
    const double q1 = limit.at(q[j]);
    const bool usable = q[j] > 0 && q[j] < 1 && q1 > 0 && q1 < 1;  // otherwise the bracket closed on its end: nothing can be said
    out[j] = usable ? log_ratio(canary.total, canary.bad, p1[j], q1) + log_ratio(baseline.total, baseline.bad, p0_hat, q[j]) : 0;
  }
}

double log_e(const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat, double c) {
  double out = 0;
  log_e(limit, canary, baseline, p0_hat, std::span(&c, 1), std::span(&out, 1));
  return out;
}

}  // namespace sluice::judge
