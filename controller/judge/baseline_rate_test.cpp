#include "controller/judge/baseline_rate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sluice::judge {
namespace {

BaselineRate after(BaselineRate rate, const Counts& tick, int ticks, double phi = 1) {
  for (int i = 0; i < ticks; ++i) rate.learn(tick, phi);
  return rate;
}

const BaselineRate kOneOfAThousand = after({}, {1000, 1}, 100);

TEST(BaselineRate, NothingIsKnownBeforeATickWithRequests) {
  EXPECT_FALSE(BaselineRate().known());
  EXPECT_FALSE(after({}, {0, 0}, 5).known());
  EXPECT_TRUE(after({}, {10, 0}, 1).known());
}

TEST(BaselineRate, AnOutageIsTheGuessWhileItLastsAndForgottenAfter) {
  const BaselineRate during = after(kOneOfAThousand, {1000, 100}, 8);
  EXPECT_NEAR(during.guess(), 0.1, 0.001);
  EXPECT_EQ(during.usual(), kOneOfAThousand.usual());
  const BaselineRate past = after(during, {1000, 1}, 1);
  EXPECT_NEAR(past.guess(), 0.001, 0.0001);
  EXPECT_EQ(past.aside, 0);
}

TEST(BaselineRate, ARateThatStaysIsTheUsualOneInTheEnd) {
  const BaselineRate before = after(kOneOfAThousand, {1000, 100}, BaselineRate::kNews - 1);
  EXPECT_NEAR(before.usual(), 0.001, 0.0001);
  const BaselineRate then = after(before, {1000, 100}, 1);
  EXPECT_NEAR(then.usual(), 0.1, 0.001);
  EXPECT_EQ(then.aside, 0);
}

TEST(BaselineRate, ALowerRateIsFollowedFromItsFirstTick) {
  const BaselineRate rate = after(after({}, {1000, 100}, 100), {1000, 1}, 1);
  EXPECT_EQ(rate.aside, 0);
  EXPECT_LT(rate.usual(), 0.1);
}

// A tenth of 37 requests fails: in one tick of ten hardly any do, and taking that for the end would make the next one a surprise again.
TEST(BaselineRate, AnOutageIsOverWhenTheUsualRateExplainsATickBetter) {
  BaselineRate rate;
  for (int i = 0; i < 40; ++i) rate.learn({37, 0}, 1);
  rate.learn({37, 4}, 1);
  rate.learn({37, 1}, 1);
  EXPECT_EQ(rate.aside, 2);
  EXPECT_NEAR(rate.guess(), 0.07, 0.01);
  rate.learn({37, 0}, 1);
  EXPECT_EQ(rate.aside, 0);
  EXPECT_LT(rate.guess(), 0.001);
}

TEST(BaselineRate, ABurstIsUnusualOnlyWhereRequestsAreIndependent) {
  EXPECT_EQ(after(kOneOfAThousand, {1000, 12}, 1).aside, 1);
  EXPECT_EQ(after(kOneOfAThousand, {1000, 12}, 1, 5).aside, 0);
}

// Were chance called unusual, the guess would be too low for good.
TEST(BaselineRate, ChanceIsHardlyEverSetAside) {
  std::mt19937_64 random(3);
  for (const double expected : {0.01, 0.3, 3.0, 30.0, 3000.0}) {
    std::poisson_distribution<int> bad(expected);
    BaselineRate rate;
    int aside = 0;
    for (int i = 0; i < 20000; ++i) {
      rate.learn({100'000, static_cast<double>(bad(random))}, 1);
      aside += rate.aside > 0;
    }
    EXPECT_LT(aside, 40) << expected;
    EXPECT_NEAR(rate.usual() / (expected / 100'000), 1, 5 / std::sqrt(200 * expected) + 0.01) << expected;
  }
}

}  // namespace
}  // namespace sluice::judge
