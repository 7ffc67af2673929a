#include <thread>

#include <gtest/gtest.h>

#include "common/core/backoff.h"
#include "common/core/digest.h"
#include "common/core/error.h"
#include "common/core/pause.h"
#include "common/core/percent.h"
#include "common/core/quantity.h"
#include "common/core/time.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

TEST(Pause, LastsUntilItsEndOrUntilStopIsRequested) {
  std::stop_source stop;
  EXPECT_TRUE(pause(0ms, stop.get_token()));
  EXPECT_TRUE(pause(1ms, stop.get_token()));
  std::jthread ender([&] { stop.request_stop(); });
  EXPECT_FALSE(pause(24h, stop.get_token()));
  EXPECT_FALSE(pause(24h, stop.get_token())) << "at once";
}

TEST(Duration, ReadsWhatGoWrites) {
  EXPECT_EQ(*parse_duration("1h30m"), 90min);
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("0"), 0ms);
}

TEST(Duration, PrintsWhatItReads) {
  for (const char* text : {"0s", "250ms", "1.25s", "15s", "5m", "1h", "1h30m", "26h0.5s"})
    EXPECT_EQ(format_duration(*parse_duration(text)), text);
}

TEST(Duration, RefusesWhatIsNotOneAndSaysWhatToWrite) {
  for (const char* text : {"", "fast", "10", "-5s", "5 m", "1e9h", "s", "99999999h", "."}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find("such as 30s"), std::string::npos);
  }
}

TEST(Time, RoundTripsThroughRfc3339) {
  EXPECT_EQ(format_time(*parse_time("2026-11-23T12:34:56Z")), "2026-11-23T12:34:56Z");
  EXPECT_EQ(format_time(*parse_time("2026-11-23T12:34:56.789123Z")), "2026-11-23T12:34:56.789Z");
  EXPECT_EQ(format_time(*parse_time("2026-11-23T14:34:56+02:00")), "2026-11-23T12:34:56Z");
  EXPECT_EQ(format_micro_time(*parse_time("2026-11-23T12:34:56Z")), "2026-11-23T12:34:56.000000Z");
  EXPECT_FALSE(parse_time("2026-13-23T12:34:56Z"));
  EXPECT_FALSE(parse_time("yesterday"));
  EXPECT_FALSE(parse_time("2026-11-23T12:34:56"));
}

TEST(Percent, NeedsTheSignAndTheRange) {
  EXPECT_DOUBLE_EQ(*parse_percent("5%"), 0.05);
  EXPECT_DOUBLE_EQ(*parse_percent("0.05%"), 0.0005);
  for (const char* text : {"5", "%", "-1%", "101%", "nan%", "1e3%", "five%"}) EXPECT_FALSE(parse_percent(text)) << text;
  EXPECT_EQ(format_percent(0.125), "12.5%");
  EXPECT_EQ(format_percent(0.05), "5%");
}

TEST(Percent, ReplicasRoundUp) {
  EXPECT_EQ(*scaled_count("5%", 10), 1);
  EXPECT_EQ(*scaled_count("25%", 8), 2);
  EXPECT_EQ(*scaled_count("7%", 100), 7);
  EXPECT_EQ(*scaled_count("3", 100), 3);
  EXPECT_FALSE(scaled_count("-3", 100));
}

TEST(Quantity, ReadsSuffixes) {
  EXPECT_DOUBLE_EQ(*parse_quantity("250m"), 0.25);
  EXPECT_DOUBLE_EQ(*parse_quantity("1Ki"), 1024);
  EXPECT_DOUBLE_EQ(*parse_quantity("2e3"), 2000);
  EXPECT_DOUBLE_EQ(*parse_quantity("1E"), 1e18);
  EXPECT_FALSE(parse_quantity("many"));
  EXPECT_FALSE(parse_quantity("1Kib"));
}

TEST(Digest, IsSha256AndItsShortFormIsAName) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(name_digest("x").size(), 10U);
  EXPECT_EQ(name_digest("x").find_first_not_of("bcdfghjklmnpqrstvwxz2456789"), std::string::npos);
  EXPECT_NE(name_digest("x"), name_digest("y"));
}

TEST(Backoff, GrowsToItsCapAndStartsAgainAfterReset) {
  Backoff backoff{100ms, 1000ms};
  EXPECT_EQ(backoff.next(0.999), 100ms);
  EXPECT_GT(backoff.next(0.999), 150ms);
  for (int i = 0; i < 100; ++i) EXPECT_LE(backoff.next(0.999), 1000ms);
  backoff.reset();
  EXPECT_EQ(backoff.next(0.5), 100ms);
}

TEST(Error, SaysTheStepThatFailed) {
  const Error error = fail("read the route", Error{Error::Kind::NotFound, "httproute shop/web: not found", 404, {}}).value();
  EXPECT_EQ(to_string(error), "NotFound: read the route: httproute shop/web: not found (HTTP 404)");
}

}  // namespace
}  // namespace sluice
