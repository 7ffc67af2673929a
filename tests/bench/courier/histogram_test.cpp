#include "tests/bench/courier/histogram.h"

#include <gtest/gtest.h>

namespace courier::bench {
namespace {

TEST(LatencyHistogram, QuantilesAreNeverTooShortAndAtMostOneBucketTooLong) {
  for (const std::int64_t largest : {100, 1'000, 50'000, 3'000'000}) {
    Histogram histogram;
    for (std::int64_t us = 1; us <= largest; ++us) histogram.add(Microseconds(us));
    for (const double share : {0.01, 0.5, 0.99, 0.999}) {
      const double exact = share * static_cast<double>(largest);
      const auto found = static_cast<double>(histogram.quantile(share).count());
      EXPECT_GE(found, exact) << largest << " at " << share;
      EXPECT_LE(found, exact * 65 / 64 + 1) << largest << " at " << share;
    }
    EXPECT_EQ(histogram.quantile(1).count(), largest);
  }
}

TEST(LatencyHistogram, KnowsNoQuantileLongerThanItsLongest) {
  Histogram histogram;
  histogram.add(Microseconds(1'000'001));
  EXPECT_EQ(histogram.quantile(0.5).count(), 1'000'001);
}

TEST(LatencyHistogram, CountsWhatIsNegativeAsNothingAndWhatIsEndlessInItsLastBucket) {
  Histogram histogram;
  histogram.add(Microseconds(-5));
  histogram.add(std::chrono::hours(24 * 365));
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.quantile(0.5).count(), 0);
  EXPECT_EQ(histogram.max(), std::chrono::hours(24 * 365));
}

TEST(LatencyHistogram, MergedOnesAreOneWithAllOfTheirRequests) {
  Histogram quick, slow;
  for (int i = 0; i < 99; ++i) quick.add(Microseconds(10));
  slow.add(Microseconds(90'000));
  quick.merge(slow);
  EXPECT_EQ(quick.count(), 100u);
  EXPECT_EQ(quick.quantile(0.99).count(), 10);
  EXPECT_EQ(quick.quantile(1).count(), 90'000);
}

TEST(LatencyHistogram, WithoutRequestsSaysNought) { EXPECT_EQ(Histogram().quantile(0.99).count(), 0); }

}  // namespace
}  // namespace courier::bench
