#include "sample-service/telemetry/span.h"

#include <random>

#include <gtest/gtest.h>

#include "sample-service/telemetry/stopwatch.h"

namespace courier {
namespace {

TEST(Sampling, IsDecidedByTheIdAlone) {
  const std::string low = "ffffffffffffffffff00000000000001";
  const std::string high = "000000000000000000ffffffffffffff";
  EXPECT_TRUE(is_sampled(low, 0.0001));
  EXPECT_FALSE(is_sampled(high, 0.9999));
  EXPECT_TRUE(is_sampled(high, 1));
  EXPECT_FALSE(is_sampled(low, 0));
  EXPECT_FALSE(is_sampled("", 1));
}

TEST(Sampling, TakesTheShareThatWasAskedFor) {
  std::mt19937_64 engine(7);
  std::uniform_real_distribution<double> unit(0, 1);
  int sampled = 0;
  for (int i = 0; i < 10'000; ++i) {
    sampled += is_sampled(sluice::http::next_span(std::nullopt, [&] { return unit(engine); }).trace_id, 0.1) ? 1 : 0;
  }
  EXPECT_NEAR(sampled, 1'000, 100);  // more than three standard deviations
}

TEST(Stopwatch, NeverEndsBeforeItsStart) {
  const Stopwatch watch;
  EXPECT_GE(watch.now(), watch.start());
  EXPECT_GT(watch.start(), 1'600'000'000'000'000'000);  // nanoseconds
}

}  // namespace
}  // namespace courier
