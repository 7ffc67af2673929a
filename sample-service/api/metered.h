// Counts and times what a handler answers: http_request_duration_seconds{method,route,status} and http_requests_in_flight.
#pragma once

#include "common/core/clock.h"
#include "common/http/server.h"
#include "common/telemetry/metrics.h"

namespace courier {

// The duration runs from the handler being called to the answer being handed to the server.
sluice::http::Handler metered(sluice::http::Handler inner, sluice::metrics::Registry& metrics);

}  // namespace courier
