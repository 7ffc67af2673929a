// Tracing: one message's way from the request that posted it, through its row and a worker, to its receiver, as spans that
// an OpenTelemetry collector puts together. This header has the values and where they go; otlp_json.h writes them down,
// exporter.h sends them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/http/trace_context.h"

namespace courier {

using SpanValue = std::variant<std::string, long long>;

struct Span {
  // The numbers are OTLP's.
  enum class Kind { Internal = 1, Server = 2, Client = 3 };

  sluice::http::TraceContext context{};  // its trace and its own id
  std::string parent{};                  // id of the span that caused it; empty: there is none
  std::string name{};                    // of few kinds: never an id
  Kind kind = Kind::Internal;
  std::int64_t start = 0;  // nanoseconds since 1970
  std::int64_t end = 0;
  std::vector<std::pair<std::string, SpanValue>> attributes{};
  std::string error{};  // why it failed; empty: it did not
};

// Takes what was measured. Never blocks for longer than a push to a queue, and is free to drop. Thread-safe.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void offer(Span span) = 0;
};

// Whether a trace that begins here is one of the share (0 to 1) that is recorded: by its id alone, so that every process
// that is asked says the same. Source: OpenTelemetry's TraceIdRatioBased sampler, on the last 56 bits.
bool is_sampled(std::string_view trace_id, double ratio);

}  // namespace courier
