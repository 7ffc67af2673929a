// What retries a load may make: in ten seconds a fifth of its first tries, and ten for each second. What ten seconds earn may be spent at
// once: a node of three that dies takes a third of all requests with it until clients leave it out. What they did not need is lost.
// Written here once more and not taken from courier, whose own budget these drills judge. Pure; instants are lengths since the begin.
// Source: the budgets of Finagle (RetryBudget) and Tower (TpsBudget), with Finagle's defaults.
#pragma once

#include <array>
#include <cstddef>

#include "tests/drills/load/times.h"

namespace courier::drills {

class RetryBudget {
 public:
  void first_try(Nanoseconds now) { slot(now).earned += kShare; }

  // Whether there may be one more retry; it then counts as made.
  bool take(Nanoseconds now) {
    Slot& current = slot(now);
    double balance = kPerSecond * kSeconds;
    for (const Slot& one : slots_) balance += one.second > current.second - kSeconds ? one.earned : 0;
    if (balance < 1) return false;
    current.earned -= 1;
    return true;
  }

 private:
  static constexpr double kShare = 0.2;
  static constexpr double kPerSecond = 10;
  static constexpr long long kSeconds = 10;

  struct Slot {
    long long second = -kSeconds;
    double earned = 0;  // less what was spent
  };
  Slot& slot(Nanoseconds now) {
    const long long second = now.count() / 1'000'000'000;
    Slot& one = slots_[static_cast<std::size_t>(second % kSeconds)];
    if (one.second != second) one = {second, 0};
    return one;
  }

  std::array<Slot, kSeconds> slots_{};
};

}  // namespace courier::drills
