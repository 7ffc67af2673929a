// Virtual time: what is going to happen, in order. Two events of the same instant run in the order they were scheduled.
// Not thread-safe; an event may schedule further events.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "common/core/clock.h"

namespace sluice::simulation {

class EventQueue {
 public:
  explicit EventQueue(ManualClock& clock) : clock_(clock) {}

  void at(Time when, std::function<void()> event) {
    events_.emplace(std::pair(std::max(when, clock_.now()), sequence_++), std::move(event));
  }
  void after(Duration delay, std::function<void()> event) { at(clock_.now() + delay, std::move(event)); }

  std::optional<Time> next() const { return events_.empty() ? std::nullopt : std::optional(events_.begin()->first.first); }
  // Moves the clock to the first event and runs it; there must be one.
  void run_next() {
    auto first = events_.extract(events_.begin());
    if (first.key().first > clock_.now()) clock_.set(first.key().first);
    ++executed_;
    first.mapped()();
  }
  std::uint64_t executed() const { return executed_; }

 private:
  ManualClock& clock_;
  std::uint64_t sequence_ = 0;
  std::uint64_t executed_ = 0;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace sluice::simulation
