// How long requests took: counts in buckets that are at most 1/64 wide, from microseconds to hours, in fixed memory.
// Not thread-safe; a copy is a snapshot.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace courier::bench {

using Microseconds = std::chrono::microseconds;

class Histogram {
 public:
  void add(Microseconds took);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  Microseconds max() const { return Microseconds(max_); }
  // What at least `share` (0 to 1) of the requests did not exceed: the upper end of its bucket, so at most 1.6 % too long and
  // never longer than max(). 0 without requests.
  Microseconds quantile(double share) const;

 private:
  // Below 128 us each has a bucket of its own; above, each power of two has 64.
  static constexpr std::size_t kPowers = 27;
  static std::size_t bucket(std::uint64_t us);
  static std::uint64_t upper_end(std::size_t bucket);

  std::array<std::uint32_t, 64 * (kPowers + 1)> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace courier::bench
