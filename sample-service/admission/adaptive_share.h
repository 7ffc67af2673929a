// How much of their ceilings the limits of routes may use, by how long what they let in waits for its bulkhead then.
//
// A ceiling that is right for a database of 1 ms lets in far too much when the database takes 50: everything waits, and what is
// answered well is answered late. The signal is CoDel's (Nichols and Jacobson, "Controlling Queue Delay", 2012): when even the shortest
// wait of an interval is longer than the target, a line stands that no burst explains. Then the share is cut; else it grows slowly, and in
// a quiet time too. Never above 1: the ceilings stay what was tested.
//
// Instants are of a monotonic clock. Thread-safe.
#pragma once

#include <mutex>
#include <optional>

#include "common/core/time.h"

namespace courier {

using sluice::Duration;

class AdaptiveShare {
 public:
  static constexpr Duration kInterval{100};
  static constexpr double kCut = 0.7;     // times that after an interval with a line: 64 become 8 in 0.6 s
  static constexpr double kGrow = 1.05;   // times that after one without: 8 become 64 in 4.3 s
  static constexpr double kLeast = 0.05;  // whoever applies it sees to it that the bulkhead has enough to do

  // target: a wait that is nothing to worry about; more than 0.
  explicit AdaptiveShare(Duration target) : target_(target) {}

  // Something began that had waited so long. The new share, in (0, 1], when it has changed.
  std::optional<double> observe(Duration now, Duration waited);

 private:
  const Duration target_;
  std::mutex mutex_;
  std::optional<Duration> begin_{};  // of the interval
  Duration least_ = Duration::max();
  double share_ = 1;
};

}  // namespace courier
