#include "controller/judge/quantile.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <random>

namespace sluice::judge {
namespace {

const std::vector<LatencyBound> kBounds{{.seconds = 0.05}, {.seconds = 0.1}, {.seconds = 0.25}, {.seconds = 0.5}, {.seconds = 1}};

TEST(QuantileRange, NothingIsKnownOfNothing) {
  EXPECT_FALSE(quantile_range(kBounds, {}, 0, 0.99, 0.05, 1).known());
  EXPECT_FALSE(quantile_range(kBounds, {1, 1, 1, 0, 0}, 2, 0.99, 0.05, 1).known());
}

TEST(QuantileRange, EndsAreBoundsOnEitherSideOfTheQuantile) {
  // 60 % above 50 ms, 8 % above 100 ms, 2 % above 250 ms, 0.1 % above 500 ms.
  const Above above{60000, 8000, 2000, 100, 0};
  EXPECT_EQ(quantile_range(kBounds, above, 100000, 0.5, 0.05, 1), (QuantileRange{0.05, 0.1}));
  EXPECT_EQ(quantile_range(kBounds, above, 100000, 0.95, 0.05, 1), (QuantileRange{0.1, 0.25}));
  EXPECT_EQ(quantile_range(kBounds, above, 100000, 0.99, 0.05, 1), (QuantileRange{0.25, 0.5}));
}

TEST(QuantileRange, LessDataOrMoreClumpingNeverNarrowsIt) {
  const Above few{60, 8, 2, 0, 0}, many{6000, 800, 200, 10, 0};
  for (const double q : {0.5, 0.95, 0.99}) {
    const QuantileRange wide = quantile_range(kBounds, few, 100, q, 0.05, 1), narrow = quantile_range(kBounds, many, 10000, q, 0.05, 1);
    EXPECT_LE(wide.low, narrow.low);
    EXPECT_GE(wide.high, narrow.high);
    const QuantileRange clumped = quantile_range(kBounds, many, 10000, q, 0.05, 20);
    EXPECT_LE(clumped.low, narrow.low);
    EXPECT_GE(clumped.high, narrow.high);
  }
}

// Whenever one looks: the true quantile is left out in at most 5 % of the runs.
TEST(QuantileRange, HoldsTheTrueQuantileAtEveryLook) {
  std::mt19937_64 random(41);
  std::lognormal_distribution<double> latency(std::log(0.09), 0.8);
  const double p95 = 0.09 * std::exp(0.8 * 1.6448536269514722);
  int missed = 0, known = 0;
  for (int run = 0; run < 300; ++run) {
    Above above{};
    double total = 0;
    bool out = false;
    for (int look = 0; look < 60; ++look) {
      for (int i = 0; i < 50; ++i) {
        const double x = latency(random);
        for (std::size_t b = 0; b < kBounds.size(); ++b) above[b] += x > kBounds[b].seconds;
      }
      total += 50;
      const QuantileRange range = quantile_range(kBounds, above, total, 0.95, 0.05, 1);
      out = out || p95 <= range.low || p95 > range.high;
    }
    missed += out;
    known += quantile_range(kBounds, above, total, 0.95, 0.05, 1) == QuantileRange{0.25, 0.5};
  }
  EXPECT_LE(missed, 24);  // 15 expected at most
  EXPECT_GE(known, 200);
}

}  // namespace
}  // namespace sluice::judge
