// When each request of an open loop is to be sent: evenly spaced, whatever became of those before it. The rate may be changed while it
// runs; what is due already stays. Pure: times are lengths since the load's begin, and the caller has the clock.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/drills/load/times.h"

namespace courier::drills {

struct Turn {
  std::uint64_t number = 0;  // from 0
  Nanoseconds sent{0};       // when it should be
};

class Pace {
 public:
  // rate: requests a second, above 0
  Pace(double rate, Nanoseconds length) : rate_(rate), length_(length) {}

  // Takes the next request that should have been sent by now.
  std::optional<Turn> next(Nanoseconds now) {
    const auto at = due();
    if (!at || *at > now) return std::nullopt;
    due_ns_ += 1e9 / rate();
    return Turn{taken_++, *at};
  }

  // When the next one is; none: there are no more.
  std::optional<Nanoseconds> due() const {
    const Nanoseconds at(static_cast<Nanoseconds::rep>(due_ns_));
    return at < length_ ? std::optional(at) : std::nullopt;
  }

  void set_factor(double factor) { factor_ = factor; }
  double rate() const { return rate_ * factor_; }

 private:
  const double rate_;
  const Nanoseconds length_;
  double factor_ = 1;
  double due_ns_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace courier::drills
