// How far the server's clock is ahead of ours, learned from the Date headers of its answers.
//
// Samples carry Prometheus' time, ticks, weight changes and warm-ups ours. A Date is the server's time cut to the second at
// some instant between our asking and our being answered, so every answer gives an interval that holds the true offset.
// Offsets below two seconds are taken as none: they do no harm, and no border between ticks may move without need, as what
// lies between its old and its new place would be counted twice or never. A value; not thread-safe.
#pragma once

#include <utility>

#include "common/core/time.h"

namespace sluice::prometheus {

class ClockOffset {
 public:
  static constexpr Duration kNoNews{2'000};
  static constexpr Duration kBelievable{600'000};  // a larger one says more about the Date (of a proxy) than about the samples

  Duration ahead() const { return ahead_; }

  // One exchange: `date` as the server wrote it. True if ahead() changed.
  bool learn(Time asked, Time answered, Time date) {
    const Duration least = date - answered;
    const Duration most = date + Duration(1'000) - asked;
    refused_ = Duration(0);
    if (least - kNoNews < ahead_ && ahead_ < most + kNoNews) return false;
    Duration next = (least + most) / 2;
    if (next < -kBelievable || next > kBelievable) {
      refused_ = next;
      next = Duration(0);
    }
    return next != std::exchange(ahead_, next);
  }
  // The offset that the last answer gave if it was too large to be believed; 0: it was not.
  Duration refused() const { return refused_; }

 private:
  Duration ahead_{0}, refused_{0};
};

}  // namespace sluice::prometheus
