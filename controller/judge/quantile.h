// What is known about a latency quantile from counts above bounds: "the p99 lies in (100 ms, 250 ms]", valid at every look.
//
// The quantile Q(q) exceeds b once P(X > b) <= 1-q is rejected, and is at most b once P(X > b) >= 1-q is rejected, each at alpha/2;
// for a fixed q no correction for the number of bounds is needed. Ends are bucket bounds; nothing is interpolated.
// Each rejection is an e-process: a mixture over 24 odds multiples of 1.01 to 100 of likelihood ratios against 1-q, of the
// cumulative counts, log-evidence divided by phi. No assumption that the quantile stays where it is: what is shown is that the
// share was not always on the other side.
// Source: Howard, Ramdas, "Sequential estimation of quantiles with applications to A/B testing" (2022), section 3.
#pragma once

#include <span>

#include "controller/judge/plan.h"

namespace sluice::judge {

struct QuantileRange {
  double low = 0;                                         // seconds; 0: no lower end is proven
  double high = std::numeric_limits<double>::infinity();  // seconds; infinite: no upper end is proven
  bool known() const { return low > 0 || std::isfinite(high); }
  friend bool operator==(const QuantileRange&, const QuantileRange&) = default;
};

// `above[i]` of `total` requests took longer than bounds[i].seconds. 0 < q < 1, 0 < alpha < 1, phi >= 1.
QuantileRange quantile_range(std::span<const LatencyBound> bounds, const Above& above, double total, double q, double alpha, double phi);

}  // namespace sluice::judge
