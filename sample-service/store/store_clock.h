// The time that processes which share a store agree on, whatever their machines' clocks say: what is due and whose loan has ended
// is told by times that one wrote and another compares. It is the store's own clock as of the last look at it, carried on by the
// monotonic clock, so a step of this machine's clock does not move it. Until the first look it is the machine's clock. Thread-safe.
#pragma once

#include <atomic>
#include <limits>

#include "common/core/clock.h"

namespace courier {

class StoreClock final : public sluice::Clock {
 public:
  explicit StoreClock(const sluice::Clock& own) : own_(own) {}

  sluice::Time now() const override {
    const long long lead = lead_;
    return lead == kNeverSet ? own_.now() : sluice::Time(own_.monotonic() + sluice::Duration(lead));
  }
  sluice::Duration monotonic() const override { return own_.monotonic(); }

  // The store's clock said so at some instant between these two of the monotonic clock: wrong by half of what is between them at most.
  void set(sluice::Time said, sluice::Duration asked, sluice::Duration answered) {
    lead_ = (said.time_since_epoch() - (asked + answered) / 2).count();
  }
  // How far the machine's clock is ahead.
  sluice::Duration ahead() const { return own_.now() - now(); }

 private:
  static constexpr long long kNeverSet = std::numeric_limits<long long>::min();

  const sluice::Clock& own_;
  std::atomic<long long> lead_{kNeverSet};  // of the store's clock to the monotonic one, in milliseconds
};

}  // namespace courier
