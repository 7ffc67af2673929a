#include "controller/judge/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/judge/pod_spread.h"
#include "controller/judge/traffic_for_test.h"
#include "controller/judge/verdict.h"

namespace sluice::judge {
namespace {

using testing::HasSubstr;

TrialPlan plan_of(int slos) {
  TrialPlan plan;
  plan.max_ticks = 40;
  for (int i = 0; i < slos; ++i) plan.slos.push_back({.name = "slo-" + std::to_string(i)});
  return plan;
}

// Failures come in clumps of geometric size: each arm's bad requests are sums of bursts.
SloTick bursty(std::mt19937_64& random, double mean_burst, double weight = 0.2) {
  SloTick tick = Traffic{.rate = 200, .weight = weight, .base = 0.01 / mean_burst}.tick(random);
  std::geometric_distribution<int> more(1 / mean_burst);
  for (Counts* arm : {&tick.canary, &tick.baseline}) {
    double bad = 0;
    for (int i = 0; i < static_cast<int>(arm->bad); ++i) bad += 1 + more(random);
    arm->bad = std::min(arm->total, bad);
  }
  return tick;
}

ReplayWindow window(std::mt19937_64& random, int slos, double mean_burst, int ticks = 40) {
  ReplayWindow w;
  w.ticks.emplace_back(static_cast<std::size_t>(slos), SloTick{{}, {3000, 30}});  // some baseline from before
  for (int t = 0; t < ticks; ++t) {
    auto& row = w.ticks.emplace_back();
    for (int i = 0; i < slos; ++i) row.push_back(bursty(random, i == 0 ? mean_burst : 1));
  }
  return w;
}

std::vector<ReplayWindow> windows(std::mt19937_64& random, int many, int slos, double mean_burst) {
  std::vector<ReplayWindow> all;
  for (int i = 0; i < many; ++i) all.push_back(window(random, slos, mean_burst));
  return all;
}

bool fails(const TrialPlan& plan, const ReplayWindow& w) {
  const auto rules = Rules::of(plan);
  EXPECT_TRUE(rules);
  Trial trial = begin(*rules);
  for (const auto& row : w.ticks) EXPECT_TRUE(advance(*rules, trial, row));
  return trial.failed;
}

TEST(Replay, IndependentTrafficNeedsNothing) {
  std::mt19937_64 random(71);
  const auto calibration = calibrate(plan_of(1), windows(random, 40, 1, 1), "2026-11-20");
  ASSERT_TRUE(calibration) << to_string(calibration.error());
  EXPECT_EQ(calibration->windows, 40);
  EXPECT_DOUBLE_EQ(calibration->bound(), 1.0 / 41);
  EXPECT_LE(calibration->slos[0].phi, 1.2);
  EXPECT_EQ(calibration->kappa, 1);
  EXPECT_EQ(calibration->taken, "2026-11-20");
}

TEST(Replay, BurstsAreDividedByUntilNoWindowAlarms) {
  std::mt19937_64 random(72);
  TrialPlan plan = plan_of(1);
  const auto past = windows(random, 60, 1, 20);
  plan.calibration = {1, 1, {{1, true, 0}}, ""};
  int alarms = 0;
  for (const ReplayWindow& w : past) alarms += fails(plan, w);
  EXPECT_GE(alarms, 5) << "these bursts disturb nobody: the test shows nothing";
  plan.calibration = *calibrate(plan, past);
  EXPECT_GT(plan.calibration.slos[0].phi, 2);
  for (const ReplayWindow& w : past) EXPECT_FALSE(fails(plan, w));
  // ... and by no more than that: one step less and some window alarms.
  plan.calibration.slos[0].phi /= std::exp2(0.25);
  alarms = 0;
  for (const ReplayWindow& w : past) alarms += fails(plan, w);
  EXPECT_GE(alarms, 1);
}

TEST(Replay, WhatOneWindowNeedsIsTheSmallestGridValueAboveWhichNothingAlarms) {
  std::mt19937_64 random(73);
  TrialPlan plan = plan_of(1);
  for (int run = 0; run < 30; ++run) {
    const ReplayWindow w = window(random, 1, 10);
    const auto phi = needed_phi(plan, 0, w);
    ASSERT_TRUE(phi);
    int last_alarm = -1;
    for (int step = 0; step <= 40; ++step) {
      plan.calibration = {1, 1, {{std::exp2(step / 4.0), true, 0}}, ""};
      if (fails(plan, w)) last_alarm = step;
    }
    EXPECT_DOUBLE_EQ(*phi, std::exp2((last_alarm + 1) / 4.0)) << run;
    plan.calibration = {};
  }
}

// The promise: whatever the traffic is like, today's window alarms with probability <= 1/(H+1).
TEST(Replay, TodayAlarmsNoMoreOftenThanPromisedWhateverTheBurstsAre) {
  std::mt19937_64 random(74);
  for (const int slos : {1, 2}) {
    TrialPlan plan = plan_of(slos);
    plan.fail_ticks = 1;
    int alarms = 0, without = 0;
    constexpr int kRuns = 100, kPast = 19;
    for (int run = 0; run < kRuns; ++run) {
      plan.calibration = *calibrate(plan, windows(random, kPast, slos, 20));
      const ReplayWindow today = window(random, slos, 20);
      alarms += fails(plan, today);
      for (SloCalibration& slo : plan.calibration.slos) slo.phi = 1;
      plan.calibration.kappa = 1;
      without += fails(plan, today);
    }
    EXPECT_LE(alarms, 11) << slos;  // 5 expected at most; 11 or fewer with 99 %
    EXPECT_GE(without, 30) << slos;
  }
}

TEST(Replay, ARealRegressionIsStillFound) {
  std::mt19937_64 random(75);
  TrialPlan plan = plan_of(1);
  plan.calibration = *calibrate(plan, windows(random, 40, 1, 5));
  int found = 0;
  for (int run = 0; run < 20; ++run) {
    ReplayWindow w = window(random, 1, 5);
    for (std::size_t t = 1; t < w.ticks.size(); ++t)
      w.ticks[t][0].canary.bad = std::min(w.ticks[t][0].canary.total, w.ticks[t][0].canary.bad * 2 + 50);
    found += fails(plan, w);
  }
  EXPECT_EQ(found, 20);
}

TEST(Replay, SeveralSlosNeedAKappaWhereOneWindowStandsOutInOne) {
  std::mt19937_64 random(76);
  auto past = windows(random, 20, 2, 1);
  for (int t = 10; t < 16; ++t) past[3].ticks[static_cast<std::size_t>(t)][0].canary.bad = 25;  // one bad quarter of an hour
  const auto calibration = calibrate(plan_of(2), past);
  ASSERT_TRUE(calibration);
  EXPECT_GT(calibration->slos[0].phi, 2);
  EXPECT_GT(calibration->kappa, 1.5) << "without this window nothing would have been divided by";
  // With one SLO being the largest of H+1 is all there is to it.
  for (ReplayWindow& w : past)
    for (auto& row : w.ticks) row.pop_back();
  EXPECT_EQ(calibrate(plan_of(1), past)->kappa, 1);
}

TEST(Replay, AnSloThatAlarmsWhateverItIsDividedByMayOnlyHold) {
  std::mt19937_64 random(77);
  auto past = windows(random, 20, 2, 1);
  for (std::size_t t = 1; t < past[5].ticks.size(); ++t) past[5].ticks[t][0] = {{1e7, 5e6}, {1e7, 10}};
  TrialPlan plan = plan_of(2);
  plan.calibration = *calibrate(plan, past);
  EXPECT_FALSE(plan.calibration.slos[0].usable);
  EXPECT_TRUE(plan.calibration.slos[1].usable);
  EXPECT_FALSE(may_fail(plan, 0));
  EXPECT_TRUE(may_fail(plan, 1));
  EXPECT_FALSE(fails(plan, past[5]));
  const auto rules = Rules::of(plan);
  Trial trial = begin(*rules);
  for (const auto& row : past[5].ticks) ASSERT_TRUE(advance(*rules, trial, row));
  EXPECT_EQ(verdict(*rules, trial).state, Verdict::State::Hold);
  EXPECT_THAT(verdict(*rules, trial).slos[0].message, HasSubstr("it alarmed however evidence was divided"));
}

TEST(Replay, APastOutageIsNotHeldAgainstTheObjective) {
  std::mt19937_64 random(78);
  TrialPlan plan = plan_of(1);
  plan.slos[0].objective = 0.999;
  auto past = windows(random, 20, 1, 1);
  for (int t = 10; t < 20; ++t) past[2].ticks[static_cast<std::size_t>(t)][0] = {{150, 75}, {600, 300}};
  const auto calibration = calibrate(plan, past);
  ASSERT_TRUE(calibration);
  EXPECT_LE(calibration->slos[0].phi, 2);
}

TEST(Replay, WindowsThatDoNotFitAreRefusedByName) {
  std::mt19937_64 random(79);
  auto past = windows(random, 20, 1, 1);
  EXPECT_THAT(calibrate(plan_of(1), std::span(past).first(5)).error().message, HasSubstr("5 replayed windows vouch for too little"));
  past[7].ticks[2][0].canary.bad = 1e9;
  EXPECT_THAT(calibrate(plan_of(1), past).error().message, HasSubstr("window 8, tick 3: slo slo-0"));
  past[7].ticks[2].clear();
  EXPECT_THAT(calibrate(plan_of(1), past).error().message, HasSubstr("window 8, tick 3: 0 SLOs"));
}

TEST(Replay, ThePlanOfACalibratedRunHasItsOwnDigest) {
  TrialPlan plan = plan_of(1), calibrated = plan;
  calibrated.calibration = {99, 1, {{1.8, true, 0}}, ""};
  EXPECT_NE(digest(plan), digest(calibrated));
  const Trial trial = *begin(plan);
  EXPECT_FALSE(advance(calibrated, trial, std::vector<SloTick>(1)));
}

TEST(PodSpread, IsWhatPodsDifferByBeyondChance) {
  std::mt19937_64 random(80);
  std::normal_distribution<double> effect(0, 0.2);
  std::vector<std::vector<PodHalves>> spread, equal;
  for (int w = 0; w < 60; ++w) {
    for (auto* windows_of : {&spread, &equal}) {
      auto& pods = windows_of->emplace_back();
      for (int p = 0; p < 10; ++p) {
        const double rate = 0.01 * (windows_of == &spread ? std::exp(effect(random)) : 1);
        std::poisson_distribution<int> bad(25000 * rate);
        const auto half = [&] { return Counts{25000, static_cast<double>(bad(random))}; };
        pods.push_back({half(), half()});
      }
    }
  }
  EXPECT_NEAR(pod_spread(spread), 0.2, 0.03);
  EXPECT_LT(pod_spread(equal), 0.02);
  EXPECT_EQ(pod_spread({}), 0);
  EXPECT_EQ(pod_spread(std::vector<std::vector<PodHalves>>{{{{1000, 10}, {1000, 10}}}}), 0);
}

// Windows of ten pods of which each has `expected` bad requests in a half, in bursts of geometric size, mean 5.
std::vector<std::vector<PodHalves>> bursty_pods(std::mt19937_64& random, double expected, double tau) {
  std::normal_distribution<double> effect(0, 1);
  std::geometric_distribution<int> more(0.2);
  std::vector<std::vector<PodHalves>> windows(99);
  for (auto& pods : windows)
    for (int p = 0; p < 10; ++p) {
      std::poisson_distribution<int> bursts(expected / 5 * std::exp(tau * effect(random)));
      const auto half = [&] {
        double bad = 0;
        for (int i = bursts(random); i > 0; --i) bad += 1 + more(random);
        return Counts{20000, bad};
      };
      pods.push_back({half(), half()});
    }
  return windows;
}

// The variance of whole windows would make 0.5 of these: a pod with a burst more than another is not another pod.
TEST(PodSpread, BurstsAreNotDifferencesBetweenPods) {
  std::mt19937_64 random(83);
  int counted = 0;
  for (int i = 0; i < 50; ++i) {
    const double tau = pod_spread(bursty_pods(random, 18, 0));
    EXPECT_LT(tau, 0.25);
    counted += tau > 0;
  }
  EXPECT_LE(counted, 5);
}

TEST(PodSpread, WhatStaysIsFoundAmongBursts) {
  std::mt19937_64 random(84);
  for (const double tau : {0.2, 0.5}) EXPECT_NEAR(pod_spread(bursty_pods(random, 90, tau)), tau, 0.25 * tau) << tau;
}

TEST(PodSpread, WidensTheLimitAsTheDesignSays) {
  EXPECT_NEAR(pod_factor(0.2, 1, 9), 1.72, 0.005);
  EXPECT_EQ(pod_factor(0.2, 0, 9), 1);
  EXPECT_EQ(pod_factor(0, 1, 9), 1);
  EXPECT_LT(pod_factor(0.2, 3, 27), pod_factor(0.2, 1, 29));
}

// One pod of ten plays the canary and pods differ by 20 %: without the spread the draw of the pod is taken for the version.
TEST(PodSpread, StaticDifferencesBetweenPodsAreNotTheVersionsFault) {
  std::mt19937_64 random(81);
  std::normal_distribution<double> effect(0, 0.2);
  TrialPlan plan = plan_of(1), knowing = plan;
  plan.calibration = {1, 1, {{1, true, 0}}, ""};
  knowing.calibration = {1, 1, {{1, true, 0.2}}, ""};
  int blind = 0, aware = 0;
  constexpr int kRuns = 200;
  for (int run = 0; run < kRuns; ++run) {
    double baseline = 0;
    for (int p = 0; p < 9; ++p) baseline += std::exp(effect(random)) / 9;
    const Traffic traffic{.rate = 500, .weight = 0.1, .base = 0.01 * baseline, .ratio = std::exp(effect(random)) / baseline};
    ReplayWindow w;
    for (int t = 0; t < 120; ++t) {
      SloTick tick = traffic.tick(random);
      tick.canary_pods = 1;
      tick.baseline_pods = 9;
      w.ticks.push_back({tick});
    }
    blind += fails(plan, w);
    aware += fails(knowing, w);
  }
  EXPECT_GE(blind, kRuns / 20);
  EXPECT_LE(aware, 5);
}

TEST(PodSpread, TheSentenceSaysSoWhenPodsWidenTheLimit) {
  TrialPlan plan = plan_of(1);
  plan.calibration = {99, 1, {{1, true, 0.2}}, ""};
  SloTick tick{{750, 8}, {6750, 67}};
  tick.canary_pods = 1;
  tick.baseline_pods = 9;
  Trial trial;
  for (int i = 0; i < 3; ++i) trial = *advance(plan, trial, std::span(&tick, 1));
  EXPECT_THAT(verdict(plan, trial).sentence, HasSubstr("\"at most 1.723x the baseline + 0.01 pp, as far as pods differ by themselves\""));
}

}  // namespace
}  // namespace sluice::judge
