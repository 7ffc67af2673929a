#include "tests/bench/courier/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace courier::bench {

std::size_t Histogram::bucket(std::uint64_t us) {
  if (us < 128) return us;
  const auto power = static_cast<std::size_t>(std::bit_width(us)) - 7;  // so that us >> power is 64 to 127
  return std::min(64 * power + (us >> power), std::tuple_size_v<decltype(counts_)> - 1);
}

std::uint64_t Histogram::upper_end(std::size_t bucket) {
  if (bucket < 128) return bucket;
  const std::size_t power = bucket / 64 - 1;
  return ((bucket % 64 + 65) << power) - 1;
}

void Histogram::add(Microseconds took) {
  const auto us = static_cast<std::uint64_t>(std::max<Microseconds::rep>(0, took.count()));
  ++counts_[bucket(us)];
  ++count_;
  max_ = std::max(max_, us);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Microseconds Histogram::quantile(double share) const {
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return Microseconds(std::min(upper_end(i), max_));
  }
  return Microseconds(max_);
}

}  // namespace courier::bench
