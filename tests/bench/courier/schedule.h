// When which request should be sent. A phase is open loop, with evenly spaced requests however long the answers take, or
// closed loop, with a next one as soon as a connection is free. In an open loop what could not be sent in time is sent late,
// and its latency counts from the time at which it should have been: a server that stalls does not hide behind its clients.
//
// Pure: all times are lengths since the beginning, and the caller has the clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/core/error.h"

namespace courier::bench {

using Nanoseconds = std::chrono::nanoseconds;

struct Phase {
  double rate = 0;  // requests per second; 0: closed loop
  Nanoseconds length{0};
};

// "5000:2.5": so many per second for so many seconds; "closed:3". Both are bounded: up to 1,000,000 per second, 600 s.
sluice::Expected<Phase> parse_phase(const std::string& text);

class Schedule {
 public:
  struct Turn {
    std::size_t phase;
    Nanoseconds intended;
  };

  explicit Schedule(std::vector<Phase> phases);

  // Takes the next request that should have been sent by now. None: wait() says for how long there is none, or it is over.
  std::optional<Turn> next(Nanoseconds now);
  // Until the next request of an open loop is due; 0: one is, or a connection that is free may send at once.
  Nanoseconds wait(Nanoseconds now) const;
  // Nothing is left to be sent: all phases are over, and what was due in them was taken.
  bool over(Nanoseconds now);
  Nanoseconds length() const { return begins_.back(); }
  Nanoseconds begin_of(std::size_t phase) const { return begins_[phase]; }

 private:
  Nanoseconds due() const;  // of the next request of the current phase, an open loop
  void skip_ended(Nanoseconds now);

  const std::vector<Phase> phases_;
  std::vector<Nanoseconds> begins_;  // one more than phases: the end
  std::size_t phase_ = 0;
  std::size_t taken_ = 0;  // in the current phase
};

}  // namespace courier::bench
