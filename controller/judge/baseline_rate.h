// The guess of the baseline's bad-request rate that the next tick is bet with. It is made of past ticks only and forgets
// slowly (0.5 % per tick); a wrong guess costs power, never validity. Requests are raw increments, rates lie in (0, 1).
#pragma once

#include <algorithm>

#include "controller/judge/counts.h"

namespace sluice::judge {

struct BaselineRate {
  double total = 0;
  double bad = 0;

  // False until a first tick was learned: without it a bet would only burn wealth.
  bool known() const { return total > 0; }
  double guess() const { return std::clamp((bad + 0.5) / (total + 1), 1e-7, 0.99); }
  void learn(const Counts& baseline) {
    if (baseline.total <= 0) return;
    constexpr double kKept = 0.995;
    total = kKept * total + baseline.total;
    bad = kKept * bad + baseline.bad;
  }
  friend bool operator==(const BaselineRate&, const BaselineRate&) = default;
};

}  // namespace sluice::judge
