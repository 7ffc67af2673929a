#include "common/http/trace_context.h"

#include <algorithm>
#include <cstdint>

namespace sluice::http {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

bool is_hex(std::string_view text) { return text.find_first_not_of(kDigits) == std::string_view::npos; }
bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

// A draw has 53 random bits, of which twelve digits take 48: a generator that is shared between threads is asked rarely.
std::string random_id(std::size_t digits, const std::function<double()>& unit) {
  std::string id;
  while (id.size() < digits) {
    const auto drawn = static_cast<std::uint64_t>(std::min(unit() * 0x1p48, 0x1p48 - 1));
    for (int shift = 44; shift >= 0 && id.size() < digits; shift -= 4) id += kDigits[(drawn >> shift) & 0xf];
  }
  if (is_zero(id)) id.back() = '1';
  return id;
}

}  // namespace

std::string TraceContext::header() const { return "00-" + trace_id + "-" + span_id + (sampled ? "-01" : "-00"); }

std::optional<TraceContext> parse_traceparent(std::string_view header) {
  constexpr std::size_t kLength = 55;  // 2 + 1 + 32 + 1 + 16 + 1 + 2
  if (header.size() < kLength || header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const auto version = header.substr(0, 2);
  const auto trace = header.substr(3, 32);
  const auto span = header.substr(36, 16);
  const auto flags = header.substr(53, 2);
  if (!is_hex(version) || version == "ff" || !is_hex(trace) || !is_hex(span) || !is_hex(flags) || is_zero(trace) || is_zero(span))
    return std::nullopt;
  if (version == "00" ? header.size() != kLength : header.size() > kLength && header[kLength] != '-') return std::nullopt;
  return TraceContext{std::string(trace), std::string(span), (kDigits.find(flags[1]) & 1) != 0};
}

TraceContext next_span(const std::optional<TraceContext>& parent, const std::function<double()>& unit) {
  return {parent ? parent->trace_id : random_id(32, unit), random_id(16, unit), parent && parent->sampled};
}

}  // namespace sluice::http
