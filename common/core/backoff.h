// Exponential back-off with full jitter (delay uniform in [base, base * 2^n], capped), as a value.
// The random number is given by the caller, so that a simulation can replay it.
#pragma once

#include <algorithm>

#include "common/core/time.h"

namespace sluice {

struct Backoff {
  Duration base{250};
  Duration cap{30'000};
  int failures = 0;

  // unit is uniform in [0, 1). Counts one more failure.
  Duration next(double unit) {
    const int doublings = std::min(failures++, 20);
    const auto high = std::min<long long>(cap.count(), base.count() << doublings);
    const auto low = std::min<long long>(base.count(), high);
    return Duration(low + static_cast<long long>(unit * static_cast<double>(high - low)));
  }
  void reset() { failures = 0; }
};

}  // namespace sluice
