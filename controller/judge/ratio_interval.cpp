#include "controller/judge/ratio_interval.h"

#include <cmath>
#include <numbers>

#include "controller/judge/log_math.h"

namespace sluice::judge {
namespace {

constexpr int kNodes = RatioInterval::kNodes;
constexpr int kPoints = 513;  // grid of the prior; finer than the interval of any real run
const double kHalfWidth = std::log(RatioInterval::kLargest);

struct Tables {
  std::array<double, kNodes> theta;                       // the nodes as ratios
  std::array<std::array<double, kNodes>, kNodes> cosine;  // values at the nodes -> Chebyshev coefficients
  std::array<double, kPoints> log_prior;
};

Tables make_tables() {
  Tables t;
  for (int j = 0; j < kNodes; ++j) {
    const double angle = std::numbers::pi * (j + 0.5) / kNodes;
    t.theta[j] = std::exp(kHalfWidth * std::cos(angle));
    for (int k = 0; k < kNodes; ++k) t.cosine[k][j] = (k == 0 ? 1.0 : 2.0) / kNodes * std::cos(k * angle);
  }
  double sum = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double u = kHalfWidth * (2.0 * i / (kPoints - 1) - 1);
    t.log_prior[i] = -std::log1p(u * u / (0.7 * 0.7));
    sum += std::exp(t.log_prior[i]);
  }
  for (double& p : t.log_prior) p -= std::log(sum);
  return t;
}

const Tables& tables() {
  static const Tables kTables = make_tables();
  return kTables;
}

// Clenshaw's recurrence for x in [-1, 1].
double evaluate(const std::array<double, kNodes>& coefficients, double x) {
  double b1 = 0, b2 = 0;
  for (int k = kNodes - 1; k > 0; --k) {
    const double b0 = 2 * x * b1 - b2 + coefficients[k];
    b2 = b1;
    b1 = b0;
  }
  return x * b1 - b2 + coefficients[0];
}

}  // namespace

void RatioInterval::add(const Counts& canary, const Counts& baseline) {
  const double failures = canary.bad + baseline.bad;
  if (canary.total <= 0 || baseline.total <= 0 || failures <= 0) return;
  const double requests = canary.total / baseline.total;
  if (!(requests > 1e-100 && requests < 1e100)) return;  // next to nothing against a crowd: no comparison
  for (int j = 0; j < kNodes; ++j) {
    const double odds = tables().theta[j] * requests;
    // ln share = ln(odds/(1+odds)), ln(1-share) = -ln(1+odds); the part that theta does not change is left out.
    log_likelihood[j] += canary.bad * std::log(tables().theta[j]) - failures * std::log1p(odds) + failures * std::log1p(requests);
  }
}

std::optional<RatioInterval::Range> RatioInterval::range(double alpha, double phi) const {
  std::array<double, kNodes> coefficients{};
  for (int k = 0; k < kNodes; ++k)
    for (int j = 0; j < kNodes; ++j) coefficients[k] += tables().cosine[k][j] * log_likelihood[j] / phi;
  std::array<double, kPoints> value, mixed;
  for (int i = 0; i < kPoints; ++i) {
    value[i] = evaluate(coefficients, 2.0 * i / (kPoints - 1) - 1);
    mixed[i] = value[i] + tables().log_prior[i];
  }
  const double needed = log_sum(mixed) - std::log(1 / alpha);  // kept: value > needed
  int first = 0, last = kPoints - 1;
  while (first < kPoints && !(value[first] > needed)) ++first;
  while (last > first && !(value[last] > needed)) --last;
  if (first == kPoints) return std::nullopt;
  if (first == 0 && last == kPoints - 1) return std::nullopt;
  // The end lies between a kept and an excluded grid point; the line between them is close enough there.
  const auto crossing = [&](int kept, int out) {
    const double part = (value[kept] - needed) / (value[kept] - value[out]);
    const double at = kept + part * (out - kept);
    return std::exp(kHalfWidth * (2.0 * at / (kPoints - 1) - 1));
  };
  Range range;
  if (first > 0) range.low = crossing(first, first - 1);
  if (last < kPoints - 1) range.high = crossing(last, last + 1);
  return range;
}

}  // namespace sluice::judge
