#include "controller/judge/quantile.h"

#include <array>
#include <cmath>

#include "controller/judge/log_math.h"

namespace sluice::judge {
namespace {

constexpr std::size_t kEffects = 24;  // odds multiples 1.01 to 100; to the other side their reciprocals

const std::array<double, kEffects>& multiples() {
  static const std::array<double, kEffects> kMultiples = [] {
    std::array<double, kEffects> c{};
    for (std::size_t j = 0; j < kEffects; ++j) c[j] = 1.01 * std::pow(100 / 1.01, static_cast<double>(j) / (kEffects - 1));
    return c;
  }();
  return kMultiples;
}

// ln of the evidence that the share of bad requests is not on this side of `share`.
double log_evidence(const Counts& counts, double share, bool above, double phi) {
  std::array<double, kEffects> each;
  for (std::size_t j = 0; j < kEffects; ++j) {
    const double p = odds_multiple(share, above ? multiples()[j] : 1 / multiples()[j]);
    double sum = 0;
    if (counts.bad > 0) sum += counts.bad * std::log(p / share);
    if (counts.total > counts.bad) sum += (counts.total - counts.bad) * std::log1p((share - p) / (1 - share));
    each[j] = sum / phi;
  }
  return log_sum(each) - std::log(static_cast<double>(kEffects));
}

}  // namespace

QuantileRange quantile_range(std::span<const LatencyBound> bounds, const Above& above, double total, double q, double alpha, double phi) {
  QuantileRange range;
  const double needed = std::log(2 / alpha);
  for (std::size_t i = 0; i < bounds.size() && i < above.size(); ++i) {
    const Counts counts{total, std::min(above[i], total)};
    if (log_evidence(counts, 1 - q, true, phi) >= needed) range.low = bounds[i].seconds;
    else if (log_evidence(counts, 1 - q, false, phi) >= needed) {
      range.high = bounds[i].seconds;
      break;  // those further out say less
    }
  }
  return range;
}

}  // namespace sluice::judge
