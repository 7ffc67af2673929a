// The estimate "how many times as often does the canary fail", pooled over ticks so that drift and weight changes cancel.
//
// Mantel-Haenszel: R = sum(k1*n0/N) / sum(k0*n1/N) over ticks, n = requests, k = bad, 1 = canary, 0 = baseline, N = n1+n0.
// Source: Mantel, Haenszel (1959); for follow-up data Rothman, Greenland, "Modern Epidemiology", ch. 15.
#pragma once

#include <cmath>
#include <optional>

#include "controller/judge/counts.h"

namespace sluice::judge {

struct RateRatio {
  double up = 0;
  double down = 0;

  void add(const Counts& canary, const Counts& baseline) {
    const double all = canary.total + baseline.total;
    if (all <= 0) return;
    up += canary.bad * (baseline.total / all);
    down += baseline.bad * (canary.total / all);
  }
  // Empty while neither arm failed, and while only the canary did (the ratio is then beyond any number).
  std::optional<double> value() const {
    const double ratio = up / down;
    if (!(down > 0) || !std::isfinite(ratio)) return std::nullopt;
    return ratio;
  }
  // Drawn towards 1 by half a failure per arm, so that it always exists.
  double shrunk() const { return (up + 0.5) / (down + 0.5); }
  friend bool operator==(const RateRatio&, const RateRatio&) = default;
};

}  // namespace sluice::judge
