// What the routes of the API share.
#pragma once

#include <nlohmann/json.hpp>

#include "sample-service/api/api.h"
#include "sample-service/api/call.h"
#include "sample-service/api/store_calls.h"

namespace courier {

struct ApiContext {
  explicit ApiContext(ApiParts all) : parts(std::move(all)), calls(parts.executor, parts.clock, parts.meter, parts.metrics) {}

  ApiParts parts;
  StoreCalls calls;

  void idempotency(const std::string& result) {
    parts.metrics.counter("idempotency_requests_total", "Requests with an idempotency key by what became of them.", {{"result", result}})
        .add();
  }
};

using OrderedJson = nlohmann::ordered_json;

inline sluice::http::Response json_answer(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}}, std::move(body)};
}
inline sluice::http::Response json_answer(int status, const OrderedJson& body) {
  return json_answer(status, body.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

// The object that a body holds. Invalid: it is none, is nested too deep, or has a field that is not in `known`.
Expected<OrderedJson> object_of(const std::string& body, std::initializer_list<std::string_view> known);

}  // namespace courier
