// Time as an interface, so that decisions are functions of values and tests run in virtual time.
//
// Clock::now() is wall time for what is written into objects and compared with what servers wrote; monotonic() only grows
// and is for deadlines, leases and back-off. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>

#include "common/core/time.h"

namespace sluice {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
  virtual Duration monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
  Duration monotonic() const override { return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()); }
};

// Stands still until told to advance.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start = Time(Duration(1'000'000'000'000))) : now_(start.time_since_epoch().count()) {}
  Time now() const override { return Time(Duration(now_.load())); }
  Duration monotonic() const override { return Duration(now_.load()); }
  void advance(Duration by) { now_ += by.count(); }
  void set(Time to) { now_ = to.time_since_epoch().count(); }

 private:
  std::atomic<long long> now_;
};

}  // namespace sluice
