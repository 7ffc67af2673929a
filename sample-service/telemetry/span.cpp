#include "sample-service/telemetry/span.h"

#include <charconv>

namespace courier {

bool is_sampled(std::string_view trace_id, double ratio) {
  constexpr std::size_t kDigits = 14;  // 56 bits
  constexpr int kBeyondDouble = 3;     // which has 53 bits: the largest id must not be rounded up to all of them
  constexpr double kAll = static_cast<double>(std::uint64_t{1} << (56 - kBeyondDouble));
  if (trace_id.size() < kDigits) return false;
  const std::string_view last = trace_id.substr(trace_id.size() - kDigits);
  std::uint64_t number = 0;
  std::from_chars(last.data(), last.data() + last.size(), number, 16);
  return static_cast<double>(number >> kBeyondDouble) < ratio * kAll;
}

}  // namespace courier
