#include "tests/bench/courier/sink.h"

#include <nlohmann/json.hpp>

namespace courier::bench {

sluice::http::Response Sink::answer(const sluice::http::IncomingRequest& in) {
  const std::lock_guard lock(mutex_);
  if (in.request.method == "GET") {
    const nlohmann::json counts{{"deliveries", deliveries_}, {"effects", seen_.size()}, {"repeated", deliveries_ - seen_.size()}};
    return {200, {{"Content-Type", "application/json"}}, counts.dump() + "\n"};
  }
  const auto id = in.request.headers.find("webhook-id");
  if (id == in.request.headers.end()) return {400, {}, "a delivery has a webhook-id\n"};
  ++seen_[id->second];
  ++deliveries_;
  return {204, {}, ""};
}

}  // namespace courier::bench
