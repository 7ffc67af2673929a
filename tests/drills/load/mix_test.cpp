#include "tests/drills/load/mix.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace courier::drills {
namespace {

using namespace std::chrono_literals;

Plan plan(double writes, double repeats = 0, double elsewhere = 0) {
  Plan plan;
  plan.name = "key";
  plan.writes = writes;
  plan.repeats = repeats;
  plan.elsewhere = elsewhere;
  plan.elsewhere_url = "http://b/";
  return plan;
}

TEST(DrillMix, WritesAreTheShareOfThePlan) {
  const Plan fifth = plan(0.2);
  Mix mix(fifth);
  int writes = 0;
  for (std::uint64_t i = 0; i < 1'000; ++i) writes += mix.next(i).kind == Kind::Write ? 1 : 0;
  EXPECT_EQ(writes, 200);
}

TEST(DrillMix, ReadsWhatWasAcknowledged) {
  const Plan half = plan(0.5);
  Mix mix(half);
  EXPECT_EQ(mix.next(0).target, "/version");  // nothing is known yet
  const Asked write = mix.next(1);
  EXPECT_EQ(write.key, "key-1");
  EXPECT_EQ(write.body, R"({"payload":"key-1"})");
  mix.acknowledged(write, "m1");
  EXPECT_EQ(mix.next(2).target, "/v1/messages/m1");
}

TEST(DrillMix, ReadsNothingThatNeedsADatabaseIfThePlanSaysSo) {
  Plan reads = plan(0);
  reads.reads_messages = false;
  Mix mix(reads);
  mix.acknowledged({.kind = Kind::Write, .key = "key-0"}, "m1");
  EXPECT_EQ(mix.next(1).target, "/version");
}

TEST(DrillMix, ARepeatHasKeyAndBodyOfOneThatWasAcknowledged) {
  const Plan all = plan(1, 0.5);
  Mix mix(all);
  const Asked first = mix.next(0);
  EXPECT_EQ(mix.next(1).kind, Kind::Write);  // nothing to repeat
  mix.acknowledged(first, "m1");
  const Asked second = mix.next(2);
  EXPECT_EQ(second.kind, Kind::Repeat);
  EXPECT_EQ(second.key, first.key);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(mix.next(3).kind, Kind::Write);
}

TEST(DrillMix, AShareGoesElsewhereUnderKeysOfItsOwn) {
  const Plan half = plan(1, 0, 0.5);
  Mix mix(half);
  std::vector<Asked> asked;
  for (std::uint64_t i = 0; i < 10; ++i) asked.push_back(mix.next(i));
  EXPECT_EQ(std::count_if(asked.begin(), asked.end(), [](const Asked& one) { return one.key.starts_with("far-"); }), 5);
  const Asked& far = asked[asked[0].key.starts_with("far-") ? 0 : 1];
  EXPECT_EQ(far.body, R"({"endpoint":"http://b/","payload":")" + far.key + "\"}");
}

TEST(DrillMix, ARequestCarriesDeadlineKeyAndToken) {
  const std::string write = wire_text({.kind = Kind::Write, .key = "key-1", .body = "{}"}, 500ms, "t");
  EXPECT_EQ(write,
            "POST /v1/messages HTTP/1.1\r\nHost: courier\r\nX-Request-Timeout-Ms: 500\r\nAuthorization: Bearer t\r\n"
            "Idempotency-Key: key-1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(wire_text({.target = "/version"}, -1ms, ""), "GET /version HTTP/1.1\r\nHost: courier\r\nX-Request-Timeout-Ms: 1\r\n\r\n");
}

}  // namespace
}  // namespace courier::drills
