// Does the traffic follow the weight? Seldom accused where it does, soon found where it does not, kept bit for bit.
#include "controller/judge/sample_ratio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <array>
#include <cmath>
#include <random>

#include "controller/judge/sample_ratio_json.h"

namespace sluice::judge {
namespace {

using testing::HasSubstr;
using Split = SampleRatioTest::Split;

constexpr SampleRatioTest kTest;

// Requests per tick of both arms, split one by one or in clumps of a geometric size around `clump`.
struct Callers {
  double requests = 750;
  double clump = 1;
  double drift = 0;  // standard deviation of ln(requests), from tick to tick

  std::pair<double, double> tick(std::mt19937_64& random, double share) const {
    const double mean = requests * std::exp(drift * std::normal_distribution<>()(random));
    const auto clumps = std::poisson_distribution<long>(mean / clump)(random);
    if (clump <= 1) {
      const auto canary = std::binomial_distribution<long>(clumps, share)(random);
      return {static_cast<double>(canary), static_cast<double>(clumps - canary)};
    }
    double canary = 0, baseline = 0;
    std::geometric_distribution<long> more(1 / clump);
    std::bernoulli_distribution to_canary(share);
    for (long i = 0; i < clumps; ++i) (to_canary(random) ? canary : baseline) += static_cast<double>(1 + more(random));
    return {canary, baseline};
  }
};

// Of so many runs up the usual steps, those in which a mismatch was ever seen, while the share is `factor` times the weight.
int accused(const Callers& callers, double factor, int runs, unsigned seed) {
  std::mt19937_64 random(seed);
  int count = 0;
  for (int run = 0; run < runs; ++run) {
    SampleRatio state;
    bool ever = false;
    for (const double weight : {0.05, 0.1, 0.25, 0.5})
      for (int tick = 0; tick < 30 && !ever; ++tick) {
        const auto [canary, baseline] = callers.tick(random, weight * factor);
        update(state, kTest, weight, canary, baseline);
        ever = state.mismatch;
      }
    count += ever ? 1 : 0;
  }
  return count;
}

TEST(SampleRatio, WhoFollowsTheWeightIsAccusedInNoMoreThanAlphaOfTheRuns) {
  constexpr int kRuns = 400;
  unsigned seed = 1;
  for (const double requests : {75, 750, 7'500})
    for (const double factor : {0.8, 1.0, 1.2})
      EXPECT_LE(accused({.requests = requests}, factor, kRuns, ++seed), kTest.alpha * kRuns) << requests << " x" << factor;
  EXPECT_LE(accused({.drift = 0.7}, 1.2, kRuns, 20), kTest.alpha * kRuns) << "traffic that comes and goes";
}

// Sessions that stay with one arm. (No promise: with a dozen clumps of 60 per tick 3 % are accused.)
TEST(SampleRatio, ClumpsAreAllowedFor) {
  constexpr int kRuns = 400;
  for (const double clump : {5, 20})
    for (const double factor : {0.8, 1.0, 1.2})
      EXPECT_LE(accused({.clump = clump}, factor, kRuns, 7), kTest.alpha * kRuns) << clump << " x" << factor;
  EXPECT_LE(accused({.clump = 40}, 1, kRuns, 7), kTest.alpha * kRuns);
}

// Ticks until a mismatch is seen; 0: not within 1,000.
int ticks_until_seen(const Callers& callers, double weight, double share, const SampleRatioTest& test = kTest) {
  std::mt19937_64 random(5);
  SampleRatio state;
  for (int tick = 1; tick <= 1'000; ++tick) {
    const auto [canary, baseline] = callers.tick(random, share);
    update(state, test, weight, canary, baseline);
    if (state.mismatch) return tick;
  }
  return 0;
}

TEST(SampleRatio, AMismatchIsSeenSoonAndNeverInFewerThanEightTicks) {
  EXPECT_EQ(ticks_until_seen({.requests = 1e6}, 0.1, 0.9), SampleRatioTest::kLeastTicks);
  EXPECT_EQ(ticks_until_seen({.requests = 1e6}, 0.1, 0.001), SampleRatioTest::kLeastTicks);
  EXPECT_EQ(ticks_until_seen({.requests = 750}, 0.1, 0.31), SampleRatioTest::kLeastTicks);
  const int few = ticks_until_seen({.requests = 75}, 0.1, 0.05);
  EXPECT_GT(few, SampleRatioTest::kLeastTicks);
  EXPECT_LT(few, 60) << "fifteen minutes at five requests per second";
}

TEST(SampleRatio, TheSentenceSaysBothSharesAndWhatItMayBe) {
  SampleRatio state;
  for (int tick = 0; tick < 20; ++tick) update(state, kTest, 0.1, 310, 690);
  ASSERT_TRUE(state.mismatch);
  EXPECT_THAT(mismatch_sentence(state, kTest), HasSubstr("the canary got 31% of 20,000 requests where its weight is 10% (evidence "));
  EXPECT_THAT(mismatch_sentence(state, kTest), HasSubstr("callers that reach its pods without the gateway"));

  SampleRatio below;
  for (int tick = 0; tick < 20; ++tick) update(below, kTest, 0.1, 30, 970);
  EXPECT_THAT(mismatch_sentence(below, kTest), HasSubstr("callers that go round the gateway to the stable pods"));
  SampleRatioTest replicas;
  replicas.split = Split::Replicas;
  EXPECT_THAT(mismatch_sentence(below, replicas), HasSubstr("connections that stay open"));

  update(below, kTest, 0.25, 25, 75);
  EXPECT_THAT(mismatch_sentence(below, kTest), HasSubstr("did not fit its weight before; at 25% it now gets 25% of 100 requests"));
  EXPECT_EQ(mismatch_sentence(SampleRatio{}, kTest), "");
}

TEST(SampleRatio, OneThatBeginsLateIsSeenAndOneThatEndsIsForgotten) {
  SampleRatio state;
  for (int tick = 0; tick < 100; ++tick) update(state, kTest, 0.1, 75, 675);
  EXPECT_FALSE(state.mismatch);
  EXPECT_LT(log_evidence(state), 0);
  int ticks = 0;
  for (; ticks < 60 && !state.mismatch; ++ticks) update(state, kTest, 0.1, 230, 520);
  EXPECT_TRUE(state.mismatch);
  EXPECT_LT(ticks, 25);
  for (ticks = 0; ticks < 200 && state.mismatch; ++ticks) update(state, kTest, 0.1, 75, 675);
  EXPECT_FALSE(state.mismatch);
  EXPECT_LT(ticks, 60);
}

TEST(SampleRatio, AShareBelowTheWeightIsNoMismatchWhereOnlySomeRulesAreShifted) {
  SampleRatioTest part;
  part.split = Split::GatewayInPart;
  EXPECT_EQ(ticks_until_seen({}, 0.1, 0.02, part), 0);
  EXPECT_GT(ticks_until_seen({}, 0.1, 0.31, part), 0);
}

TEST(SampleRatio, AtAHighWeightOnlyTooLittleCanBeSeen) {
  EXPECT_EQ(ticks_until_seen({}, 0.9, 0.999), 0) << "more than all requests cannot be";
  EXPECT_GT(ticks_until_seen({}, 0.9, 0.5), 0);
}

TEST(SampleRatio, WhatCannotBeIsLeftOut) {
  SampleRatio state;
  update(state, kTest, 0.1, 10, 90);
  const SampleRatio before = state;
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [weight, canary, baseline] : {std::array{0.1, -1.0, 10.0},
                                                 {0.1, 0.0, 0.0},
                                                 {0.1, kNaN, 1.0},
                                                 {0.1, HUGE_VAL, 1.0},
                                                 {0.1, 1.0, 1e300},
                                                 {0.0, 1.0, 9.0},
                                                 {1.0, 9.0, 1.0},
                                                 {-0.5, 1.0, 1.0},
                                                 {kNaN, 1.0, 1.0}}) {
    update(state, kTest, weight, canary, baseline);
    EXPECT_EQ(state, before) << weight << " " << canary << " " << baseline;
  }
}

TEST(SampleRatioJson, ARestartAtAnyTickChangesNothing) {
  std::mt19937_64 random(9);
  SampleRatio kept, restarted;
  for (int tick = 0; tick < 60; ++tick) {
    const double weight = tick < 30 ? 0.05 : 0.25;
    const auto [canary, baseline] = Callers{.clump = 3}.tick(random, weight * 1.3);
    update(kept, kTest, weight, canary, baseline);
    update(restarted, kTest, weight, canary, baseline);
    const std::string text = to_json(restarted);
    EXPECT_LT(text.size(), 1'600u);
    const auto read = sample_ratio_from_json(text);
    ASSERT_TRUE(read) << read.error().message;
    restarted = *read;
    ASSERT_EQ(restarted, kept);
  }
}

TEST(SampleRatioJson, WhatIsNoStateIsRefusedNeverMisread) {
  SampleRatio state;
  for (int tick = 0; tick < 20; ++tick) update(state, kTest, 0.1, 310, 690);
  const std::string text = to_json(state);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    const std::size_t at = other.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return other.replace(at, from.size(), to);
  };
  EXPECT_EQ(sample_ratio_from_json(changed("\"version\":1", "\"version\":2")).error().kind, Error::Kind::Invalid);
  for (const std::string& bad : {std::string(), std::string("[]"), std::string("{}"), text.substr(0, text.size() / 2),
                                 changed("\"mismatch\":true", "\"mismatch\":1"), changed("\"above\":[", "\"above\":[1,"),
                                 changed("20000.0,6200.0", "20000.0,62000.0"), changed("0.1,20000.0", "1.0,20000.0")})
    EXPECT_EQ(sample_ratio_from_json(bad).error().kind, Error::Kind::Corrupt) << bad;
}

}  // namespace
}  // namespace sluice::judge
