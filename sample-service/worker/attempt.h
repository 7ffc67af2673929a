// One attempt to deliver as a step of the message's trace, which the row has carried here.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/http/trace_context.h"
#include "common/http/transport.h"
#include "sample-service/store/store.h"
#include "sample-service/telemetry/span.h"
#include "sample-service/telemetry/stopwatch.h"

namespace courier {

struct Attempt {
  std::optional<sluice::http::TraceContext> row{};   // of the request that posted the message
  std::optional<sluice::http::TraceContext> step{};  // this attempt's; the receiver's parent
  Stopwatch watch{};

  bool sampled() const { return step && step->sampled; }
};
// Begins now. A row without a trace makes an attempt without one. random is uniform in [0, 1).
Attempt begin_attempt(const Loan& loan, const std::function<double()>& random);

// From the intake to the first attempt's start; none for later attempts, which wait on purpose, and where nothing is sampled.
std::optional<Span> wait_span(const Loan& loan, const Attempt& attempt, const std::function<double()>& random);
// The call of the receiver, until now.
Span delivery_span(const Loan& loan, const Attempt& attempt, const std::string& origin, const Expected<sluice::http::Response>& answer);

}  // namespace courier
