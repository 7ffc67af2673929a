#include "sample-service/worker/attempt.h"

#include <algorithm>
#include <chrono>

namespace courier {

Attempt begin_attempt(const Loan& loan, const std::function<double()>& random) {
  Attempt attempt;
  attempt.row = sluice::http::parse_traceparent(loan.traceparent);
  if (attempt.row) attempt.step = sluice::http::next_span(attempt.row, random);
  return attempt;
}

std::optional<Span> wait_span(const Loan& loan, const Attempt& attempt, const std::function<double()>& random) {
  // The fence grows with every loan and replay: 1 is the first of them.
  if (!attempt.sampled() || loan.fence != 1) return std::nullopt;
  Span span;
  span.context = sluice::http::next_span(attempt.row, random);
  span.parent = attempt.row->span_id;
  span.name = "queue wait";
  span.end = attempt.watch.start();
  // Perhaps by another machine's clock.
  const auto received = std::chrono::duration_cast<std::chrono::nanoseconds>(loan.received.time_since_epoch()).count();
  span.start = std::min<std::int64_t>(received, span.end);
  span.attributes = {{"courier.message_id", loan.delivery.message}};
  return span;
}

Span delivery_span(const Loan& loan, const Attempt& attempt, const std::string& origin, const Expected<sluice::http::Response>& answer) {
  Span span;
  span.context = attempt.step.value_or(sluice::http::TraceContext{});
  if (attempt.row) span.parent = attempt.row->span_id;
  span.name = "deliver";
  span.kind = Span::Kind::Client;
  span.start = attempt.watch.start();
  span.end = attempt.watch.now();
  span.attributes = {{"http.request.method", std::string("POST")},
                     {"server.address", origin},
                     {"courier.message_id", loan.delivery.message},
                     {"courier.attempt", static_cast<long long>(loan.delivery.attempts)}};
  if (!loan.delivery.endpoint.empty()) span.attributes.emplace_back("courier.endpoint_id", loan.delivery.endpoint);
  if (answer) {
    span.attributes.emplace_back("http.response.status_code", static_cast<long long>(answer->status));
    if (answer->status / 100 != 2) span.error = "the receiver answered " + std::to_string(answer->status);
  } else {
    span.error = answer.error().message;
  }
  return span;
}

}  // namespace courier
