#include "tests/bench/judge/gates.h"

#include <gtest/gtest.h>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "controller/judge/clopper_pearson.h"
#include "tests/bench/judge/bound.h"
#include "tests/bench/judge/campaign.h"
#include "tests/bench/judge/runner.h"

namespace sluice::bench {
namespace {

// 0 of n: the upper limit solves (1-p)^n = 1 %; n of n: the lower one p^n = 1 %. 1 of 10, 95 %: Clopper and Pearson's own table, 0.3942.
TEST(ClopperPearson, HandComputedLimits) {
  EXPECT_NEAR(judge::upper_limit(0, 2000, 0.99), 1 - std::pow(0.01, 1.0 / 2000), 1e-9);
  EXPECT_NEAR(judge::lower_limit(2000, 2000, 0.99), std::pow(0.01, 1.0 / 2000), 1e-9);
  EXPECT_EQ(judge::lower_limit(0, 2000, 0.99), 0);
  EXPECT_EQ(judge::upper_limit(2000, 2000, 0.99), 1);
  EXPECT_NEAR(judge::upper_limit(1, 10, 0.95), 0.39416, 1e-5);
  EXPECT_NEAR(judge::lower_limit(1, 10, 0.95), 0.0051162, 1e-6);
  // 31 of 2000 is the fewest that a rate of 1 % is refuted by, at 99 %.
  EXPECT_LE(judge::lower_limit(31, 2000, 0.99), 0.01);
  EXPECT_GT(judge::lower_limit(32, 2000, 0.99), 0.01);
}

Cell cell_of(Model model, Cell::Question question = Cell::Question::FalseRollback) {
  Cell cell;
  cell.question = question;
  cell.scenario.model = model;
  return cell;
}

TEST(Gates, WhatIsPromisedDependsOnTheTrafficAndTheCalibration) {
  EXPECT_DOUBLE_EQ(allowed(cell_of(Model::Independent), false), 0.01);
  EXPECT_DOUBLE_EQ(allowed(cell_of(Model::WeightSteps), true), 0.01);
  EXPECT_DOUBLE_EQ(allowed(cell_of(Model::Bursts), true), 0.015);
  EXPECT_DOUBLE_EQ(allowed(cell_of(Model::Bursts), false), 1);
  EXPECT_DOUBLE_EQ(allowed(cell_of(Model::Independent, Cell::Question::FalsePromotion), true), 0.05);
}

TEST(Gates, ADelayIsMeasuredInBoundsAndGatedWhereThereIsTimeForIt) {
  Cell cell = cell_of(Model::Independent, Cell::Question::Detection);
  cell.ratio = 2;
  cell.scenario = {.model = Model::Independent, .rps = 500, .base = 0.001, .weight = 0.1, .canary = {2, 0}};
  Outcome outcome;
  outcome.runs = 101;
  outcome.early = 1;  // a false alarm before the harm is no detection
  outcome.fired = 100;
  outcome.spent = 150;
  outcome.spent_square = 300;
  const Delay delay = delay_of(cell, outcome);
  EXPECT_DOUBLE_EQ(delay.ratio, 1.5);
  EXPECT_DOUBLE_EQ(delay.found, 0.99);
  EXPECT_NEAR(delay.ratio_error, std::sqrt((3 - 2.25) / 100), 1e-12);
  EXPECT_NEAR(delay.bound, 31.4, 0.1);  // 471 s at 15 s each
  EXPECT_TRUE(delay.gated);
  cell.scenario.rps = 5000;
  EXPECT_TRUE(delay_of(cell, outcome).gated) << delay_of(cell, outcome).bound;
  cell.scenario.base = 0.01;
  EXPECT_FALSE(delay_of(cell, outcome).gated) << "below three ticks";
  cell.scenario.rps = 50;
  cell.scenario.base = 0.001;
  EXPECT_FALSE(delay_of(cell, outcome).gated) << "above a third of the run";

  const DelaySummary sum = summary({{cell, {10, 1, 0, 1, true}}, {cell, {10, 4, 0, 0.5, true}}, {cell, {1, 9, 0, 1, false}}});
  EXPECT_EQ(sum.cells, 2);
  EXPECT_DOUBLE_EQ(sum.mean, 2.5);
  EXPECT_DOUBLE_EQ(sum.geometric_mean, 2);
  EXPECT_DOUBLE_EQ(sum.worst, 4);
  EXPECT_EQ(sum.above_worst, 1);
  EXPECT_EQ(sum.missed, 1);
}

TEST(Tally, QuantilesCountThoseNeverFoundAsLatest) {
  Outcome outcome;
  outcome.runs = 10;
  outcome.at = {{3, 4}, {8, 2}};
  EXPECT_EQ(quantile(outcome, 0.4), 3);
  EXPECT_EQ(quantile(outcome, 0.5), 8);
  EXPECT_EQ(quantile(outcome, 0.7), 0);
}

TEST(Grid, NamesAreUniqueAndTheGridIsTheOneThatWasPromised) {
  for (const auto& cells : {full_grid(), quick_grid()}) {
    std::map<std::string, int> names;
    for (const Cell& cell : cells) ++names[cell.name()];
    EXPECT_EQ(names.size(), cells.size());
  }
  int full = 0, quick = 0;
  for (const Cell& cell : full_grid()) full += cell.question == Cell::Question::FalseRollback;
  for (const Cell& cell : quick_grid()) quick += cell.question == Cell::Question::FalseRollback;
  EXPECT_EQ(full, 9 * 4 * 4 * 3);
  EXPECT_EQ(quick, 24);
}

TEST(Campaign, GoesOnWhereItStoppedAndEndsTheSame) {
  const std::string path = testing::TempDir() + "judge-bench-results.jsonl";
  std::remove(path.c_str());
  std::vector<Cell> cells{quick_grid()[0], quick_grid()[4]};
  Campaign campaign{.seed = 5, .false_rollbacks = 12, .chunk = 4, .replays = 99, .threads = 2};
  const auto at_once = Results::open("", 5);
  ASSERT_TRUE(run(campaign, cells, **at_once, {}, [](long, long) {}));
  long chunks = 0;
  {
    const auto results = Results::open(path, 5);
    ASSERT_TRUE(results);
    std::stop_source stop;
    ASSERT_TRUE(run(campaign, cells, **results, stop.get_token(), [&](long done, long) {
      if (done == 4) stop.request_stop();
    }));
  }
  std::ofstream(path, std::ios::app) << "{\"cell\": \"cut sho";  // as a killed run may leave it
  {
    const auto results = Results::open(path, 5);
    ASSERT_TRUE(run(campaign, cells, **results, {}, [&](long, long all) { chunks = all; }));
    EXPECT_LT(chunks, 8);
    EXPECT_GT(chunks, 0);
  }
  const auto again = Results::open(path, 5);
  for (const Cell& cell : cells) EXPECT_EQ(to_json((*again)->tally(cell.name())), to_json((*at_once)->tally(cell.name())));
  const auto other_seed = Results::open(path, 6);
  EXPECT_TRUE((*other_seed)->tally(cells[0].name()).empty());
}

}  // namespace
}  // namespace sluice::bench
