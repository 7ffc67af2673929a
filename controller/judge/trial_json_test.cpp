#include "controller/judge/trial_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/judge/traffic_for_test.h"
#include "controller/judge/verdict.h"

namespace sluice::judge {
namespace {

TrialPlan plan_of_all_kinds() {
  TrialPlan plan;
  plan.slos = {{.name = "errors", .objective = 0.999},
               {.name = "latency", .kind = SloPlan::Kind::LatencyDistribution, .bounds = {{0.1, 0.5, 1.05, 1.3}, {0.5, 0.02, 1.2, 1.6}}},
               {.name = "memory", .kind = SloPlan::Kind::Gauge, .threshold = 500},
               {.name = "queue", .kind = SloPlan::Kind::GaugeComparison, .absolute = 1}};
  return plan;
}

// The same plan and rows of the same shape, but wealth of bets that are not made any more.
TEST(TrialJson, AStateThatBetWithAnotherPriorIsRefusedNeverMisread) {
  Trial trial = *begin(plan_of_all_kinds());
  const std::string now = to_json(trial);
  ASSERT_TRUE(from_json(plan_of_all_kinds(), now));
  const std::size_t at = now.find("\"version\":4");
  ASSERT_NE(at, std::string::npos);
  for (const char* version : {"1", "2", "3", "5"}) {
    std::string other = now;
    other.replace(at, 11, std::string("\"version\":") + version);
    const auto read = from_json(plan_of_all_kinds(), other);
    ASSERT_FALSE(read) << version;
    EXPECT_EQ(read.error().kind, Error::Kind::Invalid);
    EXPECT_THAT(read.error().message, testing::HasSubstr("start a new trial"));
  }
}

TEST(TrialJson, EveryKindComesBackBitForBitAtEveryTick) {
  const TrialPlan plan = plan_of_all_kinds();
  std::mt19937_64 random(21);
  Trial straight = *begin(plan), restarted = straight;
  for (int t = 0; t < 120; ++t) {
    const Traffic traffic{.rate = 20, .weight = 0.2, .base = 0.01, .ratio = 1.2};
    std::vector<SloTick> ticks(4);
    for (SloTick& tick : ticks) {
      tick = traffic.tick(random);
      tick.canary_above = {tick.canary.total / 2, tick.canary.bad};
      tick.baseline_above = {tick.baseline.total / 3, tick.baseline.bad};
      tick.canary_value = 400 + static_cast<double>(random() % 200) / 3;
      tick.baseline_value = t % 13 == 0 ? kNoValue : 400;
      tick.canary_pods = 3;
      tick.worst_pods = {PodBad{pod_id("web-a"), 2}, PodBad{pod_id("web-b"), 1}};
      tick.present = random() % 20 != 0;
    }
    straight = *advance(plan, straight, ticks);
    const auto read = from_json(plan, to_json(restarted));
    ASSERT_TRUE(read) << to_string(read.error());
    ASSERT_EQ(*read, restarted);
    restarted = *advance(plan, *read, ticks);
    ASSERT_EQ(straight, restarted) << t;
    ASSERT_EQ(verdict(plan, straight).sentence, verdict(plan, restarted).sentence);
  }
  EXPECT_EQ(straight.slos[0].pods.worst().pod, pod_id("web-a"));
}

TEST(TrialJson, TheStateHasOneSizeWhateverHappens) {
  EXPECT_LE(sizeof(HarmProcess), 256u);
  EXPECT_LE(sizeof(SloTrial), 4096u);
  const TrialPlan plan = plan_of_all_kinds();
  Trial trial = *begin(plan);
  const auto rules = Rules::of(plan);
  std::mt19937_64 random(22);
  for (int t = 0; t < 2000; ++t) {
    std::vector<SloTick> ticks(4, Traffic{.rate = 50, .weight = 0.5, .base = 0.001}.tick(random));
    for (SloTick& tick : ticks) {
      tick.canary_above = {tick.canary.bad, tick.canary.bad};
      tick.baseline_above = {tick.baseline.bad, tick.baseline.bad};
      tick.canary_value = tick.canary.bad;
      tick.baseline_value = tick.baseline.bad;
    }
    ASSERT_TRUE(advance(*rules, trial, ticks));
  }
  EXPECT_EQ(trial.ticks, 2000) << "it failed on the way";
  std::size_t most = 0;
  for (const SloTrial& slo : trial.slos) {
    Trial alone;
    alone.slos = {slo};
    most = std::max(most, to_json(alone).size());
  }
  EXPECT_LT(most, 4096u);  // of two bounds
}

TEST(TrialJson, WhateverByteIsDamagedItIsRefusedOrStillMakesSense) {
  const TrialPlan plan = plan_of_all_kinds();
  const auto rules = Rules::of(plan);
  std::vector<SloTick> ticks(4, {{75, 2}, {675, 14}});
  for (SloTick& tick : ticks) {
    tick.canary_above = {40, 2};
    tick.baseline_above = {330, 14};
    tick.canary_value = 510;
    tick.baseline_value = 400;
    tick.canary_pods = 3;
    tick.worst_pods = {PodBad{pod_id("web-a"), 2}};
  }
  Trial trial = begin(*rules);
  for (int i = 0; i < 21; ++i) ASSERT_TRUE(advance(*rules, trial, ticks));
  const std::string text = to_json(trial);
  std::mt19937_64 random(23);
  int read_back = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string damaged = text;
    damaged[random() % damaged.size()] = "0-e\"[]{}n,9"[random() % 11];
    auto read = from_json(*rules, damaged);
    if (!read) continue;
    ++read_back;
    for (int more = 0; more < 4; ++more) ASSERT_TRUE(advance(*rules, *read, ticks));
    const Verdict v = verdict(*rules, *read);
    ASSERT_TRUE(std::isfinite(v.evidence)) << damaged;
    for (const SloVerdict& slo : v.slos) ASSERT_TRUE(std::isfinite(slo.evidence) && std::isfinite(slo.health_evidence)) << damaged;
  }
  EXPECT_GT(read_back, 100) << "nearly all was refused: the second half of the test was not exercised";
}

TEST(TrialJson, NumbersThatNoTrialCanHaveAreRefused) {
  const TrialPlan plan = plan_of_all_kinds();
  const Trial sound = *advance(plan, {}, std::vector<SloTick>(4, {{75, 1}, {675, 1}}));
  ASSERT_TRUE(from_json(plan, to_json(sound)));
  const auto refused = [&](auto forge) {
    Trial trial = sound;
    forge(trial.slos[0]);
    const auto read = from_json(plan, to_json(trial));
    return !read && read.error().kind == Error::Kind::Corrupt;
  };
  EXPECT_TRUE(refused([](SloTrial& s) { s.questions[0].canary_bad = 76; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.questions[0].baseline.bad = 1e9; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.questions[0].relative.log_e = kLogZero; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.questions[0].spread.chi_square[1] = -1; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.gauge.harm.sum = 1e200; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.pods.bad = -1; }));
}

TEST(TrialJson, AnUnknownPartIsRefused) {
  const TrialPlan plan = plan_of_all_kinds();
  std::string text = to_json(*advance(plan, {}, std::vector<SloTick>(4, {{75, 1}, {675, 1}})));
  ASSERT_TRUE(from_json(plan, text));
  text.replace(text.find("\"interval\""), 10, "\"interwal\"");
  EXPECT_EQ(from_json(plan, text).error().kind, Error::Kind::Corrupt);
}

}  // namespace
}  // namespace sluice::judge
