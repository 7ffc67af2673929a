// A confidence sequence for the rate ratio canary : baseline, "average so far": valid at every look.
//
// Given a failure, its arm is a coin with probability theta*n1/(theta*n1+n0) for the canary. The sequence holds every
// theta in [1/64, 64] whose likelihood is not 1/alpha times below the mixture over all theta with the prior density
// 1/(1+(ln theta/0.7)^2); log-likelihoods are divided by phi. It assumes one constant ratio and rare failures (frequent
// ones make it wider than needed).
// Instead of every tick's counts the state keeps the log-likelihood at 24 Chebyshev nodes in ln theta; as its nearest
// singularity is i*pi away, interpolation errs by less than 1e-6 per failure.
// Source: Lindon, Malek, "Anytime-valid inference for multinomial count data" (2022) for the coin; Ville's inequality for
// the mixture; Trefethen, "Approximation Theory and Approximation Practice", theorem 8.2 for the nodes.
#pragma once

#include <array>
#include <optional>

#include "controller/judge/counts.h"

namespace sluice::judge {

struct RatioInterval {
  static constexpr int kNodes = 24;
  static constexpr double kLargest = 64;

  struct Range {
    double low = 0;          // 0: below 1/64
    double high = kLargest;  // kLargest: no upper end was found
    bool bounded() const { return high < kLargest; }
  };

  std::array<double, kNodes> log_likelihood{};

  void add(const Counts& canary, const Counts& baseline);
  // Empty while nothing was excluded. alpha in (0, 1), phi >= 1.
  std::optional<Range> range(double alpha, double phi) const;

  friend bool operator==(const RatioInterval&, const RatioInterval&) = default;
};

}  // namespace sluice::judge
