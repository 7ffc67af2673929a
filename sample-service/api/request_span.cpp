#include "sample-service/api/request_span.h"

namespace courier {

Span request_span(const Call& call, const std::string& method, std::string_view route, int status, std::int64_t end) {
  Span span;
  span.context = call.trace;
  span.parent = call.parent_span;
  span.name = call.route ? method + " " + std::string(route) : "unmatched";
  span.kind = Span::Kind::Server;
  span.start = call.watch.start();
  span.end = end;
  span.attributes = {{"http.request.method", method},
                     {"http.route", std::string(route)},
                     {"http.response.status_code", static_cast<long long>(status)},
                     {"courier.request_id", call.request_id}};
  if (status >= 500) {
    span.attributes.emplace_back("error.type", std::to_string(status));
    span.error = "answered " + std::to_string(status);
  }
  return span;
}

Span store_span(const Call& call, const std::string& operation, const std::string& engine, const Stopwatch& watch,
                const std::function<double()>& random, const std::string& error) {
  Span span;
  span.context = sluice::http::next_span(call.trace, random);
  span.parent = call.trace.span_id;
  span.name = "store " + operation;
  span.kind = Span::Kind::Client;
  span.start = watch.start();
  span.end = watch.now();
  span.attributes = {{"db.system.name", engine == "postgres" ? std::string("postgresql") : engine}, {"db.operation.name", operation}};
  span.error = error;
  return span;
}

}  // namespace courier
