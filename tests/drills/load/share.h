// So large a share of many, evenly spread. Pure.
#pragma once

#include <cmath>
#include <cstdint>

namespace courier::drills {

// Whether the number-th of many, from 0, is one of a share (0 to 1) of them.
inline bool every(std::uint64_t number, double share) {
  const auto n = static_cast<double>(number);
  return std::floor((n + 1) * share) > std::floor(n * share);
}

}  // namespace courier::drills
