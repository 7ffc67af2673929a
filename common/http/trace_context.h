// W3C Trace Context: the header `traceparent`, by which a request's way through several programs can be put together.
// Pure; random numbers are given. Source: https://www.w3.org/TR/trace-context/
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::http {

struct TraceContext {
  std::string trace_id{};  // 32 lower-case hexadecimal digits, not all zero: the same on the whole way
  std::string span_id{};   // 16 of them: this step
  bool sampled = false;

  // "00-<trace_id>-<span_id>-01"
  std::string header() const;
};

// None: absent, malformed or all zero. Of a later version the parts that version 00 has are read, as the standard asks.
std::optional<TraceContext> parse_traceparent(std::string_view header);

// The next step of the same trace; of a new one, that nobody samples, without a parent. unit is uniform in [0, 1),
// with 32 random bits at least.
TraceContext next_span(const std::optional<TraceContext>& parent, const std::function<double()>& unit);

}  // namespace sluice::http
