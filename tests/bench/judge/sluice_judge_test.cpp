#include "tests/bench/judge/sluice_judge.h"

#include <gtest/gtest.h>
#include <cmath>

#include "tests/bench/judge/bound.h"
#include "tests/bench/judge/runner.h"

namespace sluice::bench {
namespace {

Scenario scenario(Model model) {
  Scenario s;
  s.model = model;
  s.rps = 50;
  s.base = 0.01;
  s.canary = {1.6, 0};
  return s;
}

// What is measured is what ships: the same evidence, bit for bit, as a judge::Trial that is advanced tick by tick.
TEST(SluiceJudge, IsTheTrialThatTheOperatorRuns) {
  for (const Model model : kModels) {
    for (const bool calibrated : {false, true}) {
      const judge::TrialPlan plan = calibrated ? calibrated_plan(99, 1.5, true, 0.05) : plain_plan();
      const auto rules = judge::Rules::of(plan);
      ASSERT_TRUE(rules);
      const judge::SloRules fast = rules_of(plan, true);
      SluiceJudge ours(fast, calibrated);
      judge::Trial trial;
      Traffic traffic(scenario(model), 3);
      bool failed = false;
      for (int t = -40; t < 300 && !failed; ++t) {
        const Tick tick = traffic.next();
        if (t < 0) ours.before(tick);
        else failed = ours.rolls_back(tick);
        if (t < 0 && !calibrated) continue;
        if (tick.new_weight) trial = judge::at_new_weight(trial);
        ASSERT_TRUE(judge::advance(*rules, trial, {&tick.counts, 1}));
        ASSERT_EQ(ours.evidence(), judge::log_evidence(*rules, trial)) << name(model) << " tick " << t;
        ASSERT_EQ(failed, trial.failed) << name(model) << " tick " << t;
      }
    }
  }
}

TEST(SluiceJudge, AnUnusableCalibrationNeverRollsBack) {
  const judge::SloRules rules = rules_of(calibrated_plan(99, 1, false, 0), true);
  SluiceJudge ours(rules, true);
  Scenario s = scenario(Model::Independent);
  s.canary = {20, 0};
  Traffic traffic(s, 1);
  for (int t = -40; t < 100; ++t) {
    const Tick tick = traffic.next();
    if (t < 0) ours.before(tick);
    else EXPECT_FALSE(ours.rolls_back(tick));
  }
}

// A calibration made of drawn windows is the one that calibrate() makes of the same windows.
TEST(Replays, TheLargestPhiIsWhatCalibrateReturns) {
  Scenario s = scenario(Model::Bursts);
  s.weight = 0.5;
  s.ticks = 120;
  const Replays replays = replay(s, 11, "x", 19);
  std::vector<judge::ReplayWindow> windows;
  Scenario healthy = s;
  healthy.canary = {1, 0};
  for (int i = 0; i < 19; ++i) {
    judge::ReplayWindow window;
    Traffic traffic(healthy, run_seed(11, "x", static_cast<std::uint64_t>(i)));
    for (int t = -40; t < 120; ++t) window.ticks.push_back({traffic.next().counts});
    window.pods.push_back(traffic.pods());
    windows.push_back(window);
  }
  const auto calibration = judge::calibrate(plain_plan(), windows);
  ASSERT_TRUE(calibration);
  Random random(1);
  const Draw draw = draw_calibration(replays, 19, random);
  EXPECT_GT(draw.phi, 1.5) << "bursts need more than 1";
  EXPECT_DOUBLE_EQ(draw.phi, calibration->slos[0].phi * calibration->kappa);
  EXPECT_DOUBLE_EQ(replays.pod_spread, calibration->slos[0].pod_spread);
  EXPECT_EQ(draw.usable, calibration->slos[0].usable);
}

TEST(Replays, ADrawTakesEachWindowAtMostOnce) {
  Replays replays{4, 0, {1.0, 2.0, 4.0, std::nullopt}};
  int unusable = 0, four = 0;
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const Draw two = draw_calibration(replays, 2, random);
    unusable += !two.usable;
    four += two.phi == 4;
  }
  EXPECT_NEAR(unusable / 20000.0, 0.5, 0.02);
  EXPECT_NEAR(four / 20000.0, 0.5, 0.02);
  const Draw all = draw_calibration(replays, 4, random);
  EXPECT_FALSE(all.usable);
  EXPECT_EQ(all.phi, 4);
}

// docs/judge.md's table of errors needed in both arms (rare errors, limit 1.1, alpha 1 %): 113 at 25 % weight for a doubling.
TEST(Bound, AgreesWithTheClosedFormForRareErrors) {
  const Truth truth{0.25e9, 2e-7, 0.75e9, 1e-7};
  const double gain = information({1.1, 0}, truth);
  const double errors = truth.n1 * truth.p1 + truth.n0 * truth.p0;
  EXPECT_NEAR(std::log(100) / (gain / errors), 113, 1);
  EXPECT_EQ(information({1.1, 0}, {1000, 0.011, 9000, 0.01}), 0) << "within the limit nothing can be learned";
  EXPECT_EQ(information({1.1, 0}, {1000, 0.5, 0, 0.01}), 0);
}

TEST(Runner, ARunDependsOnItsNumberAlone) {
  Cell cell;
  cell.question = Cell::Question::Detection;
  cell.ratio = 5;
  cell.scenario = scenario(Model::Independent);
  cell.scenario.canary = {5, 0};
  const Replays replays{1, 0, {1.0}};
  Tally parts = run(cell, 1, 0, 3, replays);
  add(parts, run(cell, 1, 3, 8, replays));
  const Tally at_once = run(cell, 1, 0, 8, replays);
  EXPECT_EQ(parts.at(kCalibrated).at, at_once.at(kCalibrated).at);
  EXPECT_NEAR(parts.at(kCalibrated).spent, at_once.at(kCalibrated).spent, 1e-9);
  EXPECT_NE(to_json(parts), to_json(run(cell, 2, 0, 8, replays)));
  EXPECT_EQ(to_json(tally_from_json(to_json(parts))), to_json(parts));
  EXPECT_EQ(parts.at(kCalibrated).runs, 8);
  EXPECT_EQ(parts.at(kCalibrated).fired, 8);
}

}  // namespace
}  // namespace sluice::bench
