// The time that processes which share a store agree on, whatever their machines' clocks say: what is due and whose loan has ended
// is told by times that one wrote and another compares. It is carried on by the monotonic clock, so that no step of this machine's
// clock moves it at once. Until it is set it is the machine's clock. Thread-safe.
//
// A store with a clock of its own, a database server, is asked for it: set(). One without, a file of this process alone, has only the
// machine's clock: follow_machine() approaches that by half a second in each second at most. So after a step forward no loan ends much
// too soon, after a step back nothing waits for as long as the step but at most twice as long as it should, and a step of an hour is
// made up for within two.
#pragma once

#include <algorithm>
#include <mutex>

#include "common/core/clock.h"

namespace courier {

class StoreClock final : public sluice::Clock {
 public:
  explicit StoreClock(const sluice::Clock& own) : own_(own) {}

  sluice::Time now() const override {
    const std::lock_guard lock(mutex_);
    const sluice::Duration up = own_.monotonic();
    return set_ ? sluice::Time(up + lead_at(up)) : own_.now();
  }
  sluice::Duration monotonic() const override { return own_.monotonic(); }

  // The store's clock said so at some instant between these two of the monotonic clock: wrong by half of what is between them at most.
  void set(sluice::Time said, sluice::Duration asked, sluice::Duration answered) {
    const std::lock_guard lock(mutex_);
    lead_ = goal_ = said.time_since_epoch() - (asked + answered) / 2;
    since_ = answered;
    set_ = true;
  }
  // Called now and then, as each second: goes on towards what the machine's clock says now. The first time it is set to that.
  void follow_machine() {
    const std::lock_guard lock(mutex_);
    const sluice::Duration up = own_.monotonic();
    goal_ = own_.now().time_since_epoch() - up;
    lead_ = set_ ? lead_at(up) : goal_;
    since_ = up;
    set_ = true;
  }
  // How far the machine's clock is ahead.
  sluice::Duration ahead() const { return own_.now() - now(); }

 private:
  // Of this clock to the monotonic one.
  sluice::Duration lead_at(sluice::Duration up) const {
    const sluice::Duration most = std::max(sluice::Duration(0), (up - since_) / 2);
    return lead_ + std::clamp(goal_ - lead_, -most, most);
  }

  const sluice::Clock& own_;
  mutable std::mutex mutex_;
  bool set_ = false;
  sluice::Duration since_{0};
  sluice::Duration lead_{0};  // at `since_`
  sluice::Duration goal_{0};  // what it approaches
};

}  // namespace courier
