// Randomness of the simulated cluster: everything that may differ between two real clusters is drawn from here, so that one
// seed replays one history. Not thread-safe.
#pragma once

#include <cstdint>

#include "common/core/time.h"

namespace sluice::simulation {

// A delay lies uniformly in [low, high].
struct Bounds {
  Duration low{0};
  Duration high{0};
};

// splitmix64 (Steele, Lea, Flood 2014): one word of state, no warm-up, good enough to shuffle events.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // Uniform in [0, n); n > 0.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool chance(double probability) { return unit() < probability; }
  Duration within(Bounds bounds) {
    const auto span = static_cast<std::uint64_t>((bounds.high - bounds.low).count()) + 1;
    return bounds.low + Duration(static_cast<long long>(below(span)));
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::simulation
