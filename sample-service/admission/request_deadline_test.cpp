#include "sample-service/admission/request_deadline.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

Expected<Duration> asked(sluice::http::Headers headers) { return requested_timeout(headers, {}); }

TEST(RequestDeadline, WithoutAHeaderTheStandardHolds) { EXPECT_EQ(*asked({}), Duration(1'000)); }

TEST(RequestDeadline, BothNamesAreUnderstoodAndTheShorterWins) {
  EXPECT_EQ(*asked({{"x-request-timeout-ms", "250"}}), Duration(250));
  EXPECT_EQ(*asked({{"X-Envoy-Expected-Rq-Timeout-Ms", "400"}}), Duration(400));
  EXPECT_EQ(*asked({{"X-Request-Timeout-Ms", "250"}, {"x-envoy-expected-rq-timeout-ms", "15000"}}), Duration(250));
}

TEST(RequestDeadline, NobodyWaitsLongerThanTheLongest) {
  EXPECT_EQ(*asked({{"X-Request-Timeout-Ms", "60000"}}), Duration(10'000));
  EXPECT_EQ(*asked({{"X-Request-Timeout-Ms", "99999999999999999999999"}}), Duration(10'000));
}

TEST(RequestDeadline, WhatIsNoLengthOfTimeIsNamed) {
  for (const char* text : {"", "0", "-5", "1s", "1.5", " 100", "-99999999999999999999999", "abc"}) {
    const auto timeout = asked({{"X-Request-Timeout-Ms", text}});
    ASSERT_FALSE(timeout) << text;
    EXPECT_NE(timeout.error().message.find(std::string("'") + text + "'"), std::string::npos) << timeout.error().message;
  }
}

TEST(RequestDeadline, HalfOfItMayBeSpentWaitingAndATryGetsHalfOfWhatIsLeft) {
  const RequestDeadline deadline{.begin = Duration(5'000), .timeout = Duration(1'000)};
  EXPECT_FALSE(deadline.waited_too_long(Duration(5'100), Duration(5'600)));
  EXPECT_TRUE(deadline.waited_too_long(Duration(5'100), Duration(5'601)));
  EXPECT_EQ(deadline.per_try(Duration(5'200)), Duration(400));
  EXPECT_EQ(deadline.left(Duration(5'999)), Duration(1));
  EXPECT_FALSE(deadline.expired(Duration(5'999)));
  EXPECT_TRUE(deadline.expired(Duration(6'000)));
  EXPECT_EQ(deadline.left(Duration(9'000)), Duration(0));
}

}  // namespace
}  // namespace courier
