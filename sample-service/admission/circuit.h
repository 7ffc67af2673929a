// Stops calling a receiver that only fails: after so many failures in a row, or when it is told to, the circuit opens for a while, then
// one probe may pass; its success closes the circuit, its failure opens it for twice as long, up to a longest. Calls that began before
// it opened say nothing new when they fail, and show that the receiver works when they do not. Jitter keeps the processes of a fleet
// from probing together. A probe that is never reported is given up after the longest break.
// Not thread-safe; instants are of a monotonic clock, unit is uniform in [0, 1).
#pragma once

#include <string_view>

#include "common/core/time.h"

namespace courier {

using sluice::Duration;

struct CircuitPolicy {
  int failures = 5;  // in a row
  Duration first_break{1'000};
  Duration longest_break{60'000};
};

class Circuit {
 public:
  enum class State { Closed, Open, HalfOpen };

  explicit Circuit(CircuitPolicy policy) : policy_(policy) {}

  // Whether a call may be made now. A yes to an open circuit is the probe: its outcome must be reported.
  bool allow(Duration now);
  void succeeded();
  // begun: when that call was allowed.
  void failed(Duration begun, Duration now, double unit);
  // Opens it, if it is closed, whatever has been counted.
  void trip(Duration now, double unit);
  // The call was not made or not finished, for a reason of our own: it says nothing about the receiver.
  void abandoned(Duration now);

  State state() const { return state_; }
  // How long no call will be allowed; 0: one may be made.
  Duration closed_for(Duration now) const;

 private:
  void open(Duration now, double unit);

  CircuitPolicy policy_;
  State state_ = State::Closed;
  int in_a_row_ = 0;
  int breaks_ = 0;
  Duration opened_{0};
  Duration until_{0};  // Open: then a probe may pass; HalfOpen: then the probe is given up
};

std::string_view name(Circuit::State state);

}  // namespace courier
