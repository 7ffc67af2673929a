// What the routes of the API share.
#pragma once

#include <nlohmann/json.hpp>

#include "sample-service/api/api.h"
#include "sample-service/api/call.h"
#include "sample-service/api/request_span.h"
#include "sample-service/api/store_calls.h"

namespace courier {

struct ApiContext {
  explicit ApiContext(ApiParts all) : parts(std::move(all)), calls(parts.executor, parts.clock, parts.meter, parts.metrics, parts.begun) {}

  ApiParts parts;
  StoreCalls calls;
  // Half of the bytes each. What one tenant may read is never another's answer: its id is part of the key.
  ReadCache endpoints{{"endpoints", parts.cache.bytes / 2, parts.cache.ttl}, {parts.clock, parts.random, parts.metrics}};
  ReadCache messages{{"messages", parts.cache.bytes / 2, kDeliveredTtl}, {parts.clock, parts.random, parts.metrics, parts.cache.l2}};

  // What was delivered everywhere never changes again, so only its bytes end its stay early.
  static constexpr Duration kDeliveredTtl{60'000};

  // A call of the store that began with the watch.
  void traced(const Call& call, const std::string& operation, const Stopwatch& watch, const std::string& error) {
    if (!parts.spans || !call.trace.sampled) return;
    parts.spans->offer(store_span(call, operation, parts.store.engine(), watch, parts.random, error));
  }

  void idempotency(const std::string& result) {
    parts.metrics.counter("idempotency_requests_total", "Requests with an idempotency key by what became of them.", {{"result", result}})
        .add();
  }
};

// What a call is about, for the caches.
inline std::string cache_key(const CallPtr& call) { return call->tenant + "/" + call->ids[0]; }

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
