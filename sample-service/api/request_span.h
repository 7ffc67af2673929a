// What a request to the data port looks like in a trace.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "sample-service/api/call.h"
#include "sample-service/telemetry/span.h"

namespace courier {

// The request as a whole. route: its pattern; end: nanoseconds since 1970. Attributes are those of OpenTelemetry's HTTP
// server spans; 5xx is an error.
Span request_span(const Call& call, const std::string& method, std::string_view route, int status, std::int64_t end);

// A call of the store in it. operation: of few kinds; engine: Store::engine(); error: empty when it succeeded.
Span store_span(const Call& call, const std::string& operation, const std::string& engine, const Stopwatch& watch,
                const std::function<double()>& random, const std::string& error);

}  // namespace courier
