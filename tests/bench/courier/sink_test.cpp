#include "tests/bench/courier/sink.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace courier::bench {
namespace {

sluice::http::IncomingRequest delivery(const std::string& id) {
  sluice::http::IncomingRequest in{};
  in.request.method = "POST";
  if (!id.empty()) in.request.headers["Webhook-Id"] = id;
  return in;
}

TEST(Sink, CountsAnEffectOnceAndItsRepetitions) {
  Sink sink;
  for (const char* id : {"a", "b", "a", "a"}) EXPECT_EQ(sink.answer(delivery(id)).status, 204);
  EXPECT_EQ(nlohmann::json::parse(sink.answer({}).body), (nlohmann::json{{"deliveries", 4}, {"effects", 2}, {"repeated", 2}}));
}

TEST(Sink, RefusesADeliveryWithoutAnId) {
  Sink sink;
  EXPECT_EQ(sink.answer(delivery("")).status, 400);
  EXPECT_EQ(nlohmann::json::parse(sink.answer({}).body)["deliveries"], 0);
}

}  // namespace
}  // namespace courier::bench
