// What the judge is fed with: requests and bad requests of one tick, per arm, as raw counter increments.
#pragma once

#include <cmath>

namespace sluice::judge {

// Requests of one arm in one tick. Valid: 0 <= bad <= total <= kMaxCount, both finite (they need not be whole numbers).
struct Counts {
  double total = 0;
  double bad = 0;

  static constexpr double kMaxCount = 1e15;  // far above any counter's increment, far below where doubles lose units

  bool valid() const { return std::isfinite(total) && bad >= 0 && bad <= total && total <= kMaxCount; }
  double ratio() const { return total > 0 ? bad / total : 0; }
  Counts& operator+=(const Counts& other) {
    total += other.total;
    bad += other.bad;
    return *this;
  }
  friend bool operator==(const Counts&, const Counts&) = default;
};

// One SLO in one tick. Both arms must have been counted over the same stretch of time: pairing within the tick is what
// makes drift, common outages and a changing weight cancel.
struct SloTick {
  Counts canary;
  Counts baseline;
  bool present = true;  // false: no data (outage, no series, NaN); the counts are ignored, coverage goes down
  int bridges = 0;      // earlier ticks without data whose requests these increments include (recovery from an outage)
};

}  // namespace sluice::judge
