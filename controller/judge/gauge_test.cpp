#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/judge/verdict.h"

namespace sluice::judge {
namespace {

using testing::HasSubstr;

TrialPlan memory_plan(bool calibrated) {
  TrialPlan plan;
  plan.slos = {{.name = "memory", .kind = SloPlan::Kind::Gauge, .limit_text = "MiB", .threshold = 500}};
  if (calibrated) plan.calibration = {99, 1, {{1, true, 0}}, "2026-11-20"};
  return plan;
}

TrialPlan queue_plan(bool calibrated) {
  TrialPlan plan;
  plan.slos = {{.name = "queue", .kind = SloPlan::Kind::GaugeComparison, .relative = 0.1, .absolute = 2}};
  if (calibrated) plan.calibration = {99, 1, {{1, true, 0}}, ""};
  return plan;
}

SloTick values(double canary, double baseline = kNoValue) {
  SloTick tick;
  tick.canary_value = canary;
  tick.baseline_value = baseline;
  return tick;
}

Trial after(const TrialPlan& plan, Trial trial, const SloTick& tick, int times) {
  for (int i = 0; i < times; ++i) trial = *advance(plan, trial, std::span(&tick, 1));
  return trial;
}

TEST(Gauge, ThatBreachesAllTheTimeHoldsAndOnlyFailsWhenCalibrated) {
  const Trial uncalibrated = after(memory_plan(false), {}, values(620), 40);
  EXPECT_FALSE(uncalibrated.failed);
  const Verdict held = verdict(memory_plan(false), uncalibrated);
  EXPECT_EQ(held.state, Verdict::State::Hold);
  EXPECT_FALSE(held.no_harm);
  EXPECT_TRUE(held.slos[0].hold_only);
  EXPECT_THAT(held.sentence, HasSubstr("the canary was above 500 MiB in 40 of 40 ticks"));
  EXPECT_THAT(held.sentence, HasSubstr("Uncalibrated, a gauge holds the weight and does not fail"));

  const Trial calibrated = after(memory_plan(true), {}, values(620), 40);
  EXPECT_TRUE(calibrated.failed);
  EXPECT_LE(calibrated.ticks, 5);
  const Verdict failed = verdict(memory_plan(true), calibrated);
  EXPECT_EQ(failed.slos[0].state, SloVerdict::State::Breach);
  EXPECT_THAT(failed.sentence, HasSubstr("(phi* from 99 replays of 2026-11-20): at most 1% false rollbacks"));
}

TEST(Gauge, ThatHeldOnceIsRememberedAsHarm) {
  const TrialPlan plan = memory_plan(false);
  const Trial held = after(plan, {}, values(620), 3);
  ASSERT_EQ(verdict(plan, held).state, Verdict::State::Hold);
  const Trial later = after(plan, held, values(400), 200);
  EXPECT_LT(verdict(plan, later).slos[0].evidence, 1);
  EXPECT_NE(verdict(plan, later).state, Verdict::State::Hold);
  EXPECT_FALSE(verdict(plan, later).no_harm);
}

TEST(Gauge, AHoldOnlyGaugeDoesNotDiluteTheOthers) {
  TrialPlan plan = memory_plan(false);
  plan.slos.push_back({.name = "errors"});
  TrialPlan alone;
  alone.slos = {{.name = "errors"}};
  Trial both = *begin(plan), one = *begin(alone);
  for (int i = 0; i < 30; ++i) {
    const SloTick errors{{750, 4}, {6750, 7}};
    both = *advance(plan, both, std::vector<SloTick>{values(400), errors});
    one = *advance(alone, one, std::vector<SloTick>{errors});
  }
  EXPECT_DOUBLE_EQ(log_evidence(plan, both), log_evidence(alone, one));
}

TEST(Gauge, ThatStaysBelowPassesAfterHalfAnHourOfTicks) {
  const TrialPlan plan = memory_plan(false);
  EXPECT_NE(verdict(plan, after(plan, {}, values(400), 20)).state, Verdict::State::Pass);
  const Trial trial = after(plan, {}, values(400), 60);
  EXPECT_EQ(verdict(plan, trial).state, Verdict::State::Pass) << verdict(plan, trial).sentence;
  EXPECT_TRUE(verdict(plan, trial).no_harm);
}

TEST(Gauge, WhereLowerIsWorseItBreachesBelow) {
  TrialPlan plan = memory_plan(true);
  plan.slos[0].lower_is_worse = true;
  EXPECT_TRUE(after(plan, {}, values(400), 10).failed);
  EXPECT_FALSE(after(plan, {}, values(620), 10).failed);
}

TEST(Gauge, WithoutAValueThereIsNoInformation) {
  for (const TrialPlan& plan : {memory_plan(true), queue_plan(true)}) {
    const Trial before = after(plan, {}, values(300, 300), 8);
    for (const double nothing : {kNoValue, HUGE_VAL, -HUGE_VAL}) {
      const Trial silent = after(plan, before, values(nothing, nothing), 6);
      EXPECT_EQ(log_evidence(plan, silent), log_evidence(plan, before));
      EXPECT_EQ(verdict(plan, silent).slos[0].state, SloVerdict::State::NoData);
    }
  }
}

TEST(GaugeComparison, AClearExcessIsFoundAndNoExcessIsNot) {
  const TrialPlan plan = queue_plan(true);
  std::mt19937_64 random(61);
  std::normal_distribution<double> noise(0, 5);
  int false_alarms = 0;
  for (int run = 0; run < 200; ++run) {
    const auto rules = Rules::of(plan);
    Trial trial = begin(*rules);
    for (int t = 0; t < 240; ++t) {
      const double base = 100 + 50 * std::sin(t / 20.0);
      const SloTick tick = values(base * 1.1 + 2 + noise(random), base + noise(random));  // on the limit
      ASSERT_TRUE(advance(*rules, trial, std::span(&tick, 1)));
    }
    false_alarms += trial.failed;
  }
  EXPECT_LE(false_alarms, 6);  // 2 expected at most
  Trial bad;
  while (!bad.failed && bad.ticks < 240) bad = after(plan, bad, values(160 + noise(random), 100 + noise(random)), 1);
  EXPECT_LE(bad.ticks, 80);
  EXPECT_THAT(verdict(plan, bad).sentence, HasSubstr("against \"at most 1.1x the baseline + 2\""));
}

TEST(GaugeComparison, AnEqualCanaryPassesAndAKnownSpreadIsNotWaitedFor) {
  std::mt19937_64 random(62);
  std::normal_distribution<double> noise(0, 5);
  const TrialPlan plan = queue_plan(false);
  Trial trial;
  for (int t = 0; t < 120; ++t) trial = after(plan, trial, values(100 + noise(random), 100 + noise(random)), 1);
  EXPECT_EQ(verdict(plan, trial).state, Verdict::State::Pass) << verdict(plan, trial).sentence;

  TrialPlan scaled = queue_plan(true);
  scaled.slos[0].scale = 4;
  EXPECT_EQ(after(queue_plan(true), {}, values(200, 100), 8).slos[0].gauge.harm.squares, 0);
  EXPECT_GT(after(scaled, {}, values(200, 100), 8).slos[0].gauge.harm.squares, 0);
}

TEST(GaugeComparison, WhereLowerIsWorseALowerCanaryIsHeldAgainst) {
  TrialPlan plan = queue_plan(true);
  plan.slos[0].lower_is_worse = true;
  plan.slos[0].absolute = 0;
  plan.slos[0].scale = 1;
  EXPECT_TRUE(after(plan, {}, values(70, 100), 120).failed);
  EXPECT_FALSE(after(plan, {}, values(130, 100), 120).failed);
}

}  // namespace
}  // namespace sluice::judge
