#include "controller/judge/latency_bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <map>
#include <random>

#include "controller/judge/sentence.h"
#include "controller/judge/verdict.h"

namespace sluice::judge {
namespace {

using testing::HasSubstr;

// Latencies of a service: a log-normal body around 80 ms and a slow tail of 2 %, times `slower`.
double latency(std::mt19937_64& random, double slower = 1) {
  const bool tail = std::uniform_real_distribution<double>(0, 1)(random) < 0.02;
  return slower * std::lognormal_distribution<double>(std::log(tail ? 0.6 : 0.08), 0.5)(random);
}

const std::vector<double> kClassic{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

LatencyHistory classic_history(std::mt19937_64& random, int requests) {
  LatencyHistory history{kClassic, std::vector<double>(kClassic.size()), static_cast<double>(requests)};
  for (int i = 0; i < requests; ++i) {
    const double x = latency(random);
    for (std::size_t b = 0; b < kClassic.size(); ++b) history.above[b] += x > kClassic[b];
  }
  return history;
}

NativeHistogram native_histogram(std::mt19937_64& random, int requests, int schema) {
  std::map<int, double> buckets;
  for (int i = 0; i < requests; ++i) buckets[static_cast<int>(std::ceil(std::log2(latency(random)) * std::exp2(schema)))] += 1;
  return {schema, 1e-9, 0, {buckets.begin(), buckets.end()}};
}

TEST(LatencyBounds, AClassicHistogramGivesAllBoundsWithinTwoTenthsToNinetyPercent) {
  std::mt19937_64 random(31);
  const LatencyHistory history = classic_history(random, 20000);
  const auto bounds = choose_bounds(history, 0.05);
  ASSERT_TRUE(bounds) << to_string(bounds.error());
  std::vector<double> seconds;
  for (const LatencyBound& b : *bounds) {
    seconds.push_back(b.seconds);
    EXPECT_GE(b.share, 0.002);
    EXPECT_LE(b.share, 0.90);
    EXPECT_GE(b.theta, 1.02);
    EXPECT_GT(b.health_theta, b.theta);
  }
  EXPECT_EQ(seconds, (std::vector<double>{0.05, 0.1, 0.25, 0.5, 1}));
}

TEST(LatencyBounds, ANativeHistogramGivesTheSevenNearestToTheTargets) {
  std::mt19937_64 random(32);
  const auto bounds = choose_bounds(history_of(native_histogram(random, 50000, 3)), 0.05);
  ASSERT_TRUE(bounds) << to_string(bounds.error());
  ASSERT_EQ(bounds->size(), 7u);
  const double targets[] = {0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005};
  for (std::size_t i = 0; i < 7; ++i) EXPECT_NEAR(std::log((*bounds)[i].share / targets[i]), 0, 0.2) << i;
}

// A slow-down of exactly the tolerated size lies on the limit: theta is what the share above the bound grows by.
TEST(LatencyBounds, ThetaIsWhatTheToleratedSlowDownDoesToTheShareAbove) {
  std::mt19937_64 random(33);
  const double slowdown = 0.2;
  const auto bounds = choose_bounds(history_of(native_histogram(random, 200000, 3)), slowdown);
  ASSERT_TRUE(bounds);
  std::vector<double> fast(bounds->size()), slow(bounds->size());
  for (int i = 0; i < 200000; ++i) {
    const double x = latency(random);
    for (std::size_t b = 0; b < bounds->size(); ++b) {
      fast[b] += x > (*bounds)[b].seconds;
      slow[b] += x * (1 + slowdown) > (*bounds)[b].seconds;
    }
  }
  for (std::size_t b = 0; b < bounds->size(); ++b) EXPECT_NEAR((*bounds)[b].theta / (slow[b] / fast[b]), 1, 0.12) << b;
}

TEST(LatencyBounds, CoarserBucketsHoldTheSameRequestsAndEveryCoarseBoundIsAFineOneToo) {
  std::mt19937_64 random(34);
  const NativeHistogram fine = native_histogram(random, 5000, 5);
  for (const int schema : {4, 2, 0, -2}) {
    const NativeHistogram coarse = coarsened(fine, schema);
    EXPECT_LE(coarse.buckets.size(), fine.buckets.size());
    for (const auto& [index, count] : coarse.buckets) {
      const double end = native_bound(schema, index);
      EXPECT_EQ(requests_above(coarse, end), requests_above(fine, end)) << schema << " " << end;
    }
  }
  EXPECT_DOUBLE_EQ(native_bound(3, 8), 2);
  EXPECT_DOUBLE_EQ(native_bound(0, -3), 0.125);
  EXPECT_DOUBLE_EQ(native_bound(-1, 1), 4);
}

TEST(LatencyBounds, ABoundThatACoarserHistogramDoesNotHaveGivesNoData) {
  const NativeHistogram histogram{0, 1e-9, 5, {{-3, 10}, {-2, 4}, {0, 1}}};
  EXPECT_EQ(requests_above(histogram, 0.125), 5);
  EXPECT_EQ(requests_above(histogram, 0.25), 1);
  EXPECT_FALSE(requests_above(histogram, 0.2));
  EXPECT_FALSE(requests_above(histogram, 0));
}

TEST(LatencyBounds, WhatIsNoHistogramOrTooShortIsRefused) {
  EXPECT_THAT(choose_bounds({{0.1, 0.2}, {5}, 10}, 0.05).error().message, HasSubstr("as many counts"));
  EXPECT_THAT(choose_bounds({{0.2, 0.1}, {5, 4}, 10}, 0.05).error().message, HasSubstr("ascend"));
  EXPECT_THAT(choose_bounds({{0.1, 0.2}, {5, 6}, 10}, 0.05).error().message, HasSubstr("must not grow"));
  EXPECT_THAT(choose_bounds({{0.1, 0.2}, {9, 8}, 10}, 0.05).error().message, HasSubstr("take a longer history"));
  EXPECT_THAT(choose_bounds({}, 0.05).error().message, HasSubstr("take a longer history"));
}

TrialPlan latency_plan(std::mt19937_64& random) {
  TrialPlan plan;
  plan.slos = {
      {.name = "latency", .kind = SloPlan::Kind::LatencyDistribution, .bounds = *choose_bounds(classic_history(random, 20000), 0.05)}};
  return plan;
}

SloTick latency_tick(const TrialPlan& plan, std::mt19937_64& random, int canary, int baseline, double slower) {
  SloTick tick{{static_cast<double>(canary), 0}, {static_cast<double>(baseline), 0}};
  const auto& bounds = plan.slos[0].bounds;
  const auto fill = [&](int requests, double times, Above& above) {
    for (int i = 0; i < requests; ++i) {
      const double x = latency(random, times);
      for (std::size_t b = 0; b < bounds.size(); ++b) above[b] += x > bounds[b].seconds;
    }
  };
  fill(canary, slower, tick.canary_above);
  fill(baseline, 1, tick.baseline_above);
  return tick;
}

TEST(LatencyDistribution, ASlowCanaryIsFoundAndTheSentenceSaysWhere) {
  std::mt19937_64 random(35);
  const TrialPlan plan = latency_plan(random);
  const auto rules = Rules::of(plan);
  ASSERT_TRUE(rules);
  Trial trial = begin(*rules);
  while (!trial.failed && trial.ticks < 240) {
    const SloTick tick = latency_tick(plan, random, 75, 675, 2);
    ASSERT_TRUE(advance(*rules, trial, std::span(&tick, 1)));
  }
  EXPECT_LE(trial.ticks, 10) << "twice as slow at 50 requests per second is no matter of minutes";
  const Verdict v = verdict(*rules, trial);
  ASSERT_EQ(v.state, Verdict::State::Fail);
  ASSERT_TRUE(v.slos[0].bound);
  EXPECT_THAT(v.sentence, HasSubstr("canary requests took longer than " + as_seconds(*v.slos[0].bound)));
  EXPECT_THAT(v.sentence, HasSubstr("against \"a slow-down of 5%: above"));
}

TEST(LatencyDistribution, AHealthyCanaryIsNotRolledBackAndPassesInTheEnd) {
  std::mt19937_64 random(36);
  const TrialPlan plan = latency_plan(random);
  const auto rules = Rules::of(plan);
  int failed = 0, passed = 0;
  for (int run = 0; run < 60; ++run) {
    Trial trial = begin(*rules);
    for (int t = 0; t < 120 && !trial.failed; ++t) {
      const SloTick tick = latency_tick(plan, random, 400, 400, 1);
      ASSERT_TRUE(advance(*rules, trial, std::span(&tick, 1)));
    }
    failed += trial.failed;
    passed += verdict(*rules, trial).state == Verdict::State::Pass;
  }
  EXPECT_LE(failed, 2);
  EXPECT_GE(passed, 48);
}

TEST(LatencyDistribution, AFastCanaryIsNeverHeldAgainst) {
  std::mt19937_64 random(37);
  const TrialPlan plan = latency_plan(random);
  const auto rules = Rules::of(plan);
  Trial trial = begin(*rules);
  for (int t = 0; t < 60; ++t) {
    const SloTick tick = latency_tick(plan, random, 100, 400, 0.7);
    ASSERT_TRUE(advance(*rules, trial, std::span(&tick, 1)));
  }
  EXPECT_FALSE(trial.held);
  EXPECT_LT(log_evidence(*rules, trial), 0);
}

TEST(LatencyDistribution, CountsAboveABoundThatExceedTheRequestsAreRefused) {
  std::mt19937_64 random(38);
  const TrialPlan plan = latency_plan(random);
  SloTick tick = latency_tick(plan, random, 75, 675, 1);
  EXPECT_TRUE(advance(plan, {}, std::span(&tick, 1)));
  tick.canary_above[1] = 76;
  EXPECT_EQ(advance(plan, {}, std::span(&tick, 1)).error().kind, Error::Kind::Invalid);
  tick.canary_above[1] = std::nan("");
  EXPECT_FALSE(advance(plan, {}, std::span(&tick, 1)));
  tick.canary_above[1] = 0;
  tick.canary_above[6] = 1e9;  // beyond the plan's bounds: not looked at
  EXPECT_TRUE(advance(plan, {}, std::span(&tick, 1)));
}

}  // namespace
}  // namespace sluice::judge
