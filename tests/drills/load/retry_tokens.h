// What retries a load may make: each request earns a fifth of one, each second ten; up to a hundred are saved, with which it begins.
// Written here once more and not taken from courier, whose own budget these drills judge. Pure.
// Source: Finagle's and Tower's defaults (20 %, 10 a second, ten seconds' worth of them in reserve).
#pragma once

#include <algorithm>

namespace courier::drills {

class RetryTokens {
 public:
  // rate: requests a second of now
  void first_try(double rate) { tokens_ = std::min(kMost, tokens_ + kShare + kPerSecond / rate); }

  bool take() {
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  static constexpr double kShare = 0.2;
  static constexpr double kPerSecond = 10;
  static constexpr double kMost = 100;
  double tokens_ = kMost;
};

}  // namespace courier::drills
