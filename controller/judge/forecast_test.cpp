#include "controller/judge/forecast.h"

#include <gtest/gtest.h>
#include <cmath>

namespace sluice::judge {
namespace {

const SloPlan kErrors{.name = "errors", .relative = 0.1, .absolute = 0};

// Errors needed in both arms together, rare errors, 1 %, limit 1.1x: judge design, section 4.
TEST(Forecast, IsTheTableOfTheDesign) {
  TrialPlan plan;
  const double base = 1e-5;
  const struct {
    double weight, ratio, errors;
  } rows[] = {{0.05, 2, 351}, {0.10, 2, 197}, {0.25, 2, 113}, {0.50, 2, 110}, {0.05, 5, 33}, {0.10, 5, 22},
              {0.25, 5, 17},  {0.50, 5, 22},  {0.05, 20, 6},  {0.10, 20, 5},  {0.25, 20, 6}, {0.50, 20, 10}};
  for (const auto& row : rows) {
    const auto requests = requests_to_fail(plan, kErrors, {base, row.weight, 1}, row.ratio);
    ASSERT_TRUE(requests);
    const double errors = *requests * (row.ratio * base + base * (1 - row.weight) / row.weight);
    EXPECT_NEAR(errors, row.errors, 0.6) << row.weight << " " << row.ratio;
  }
}

TEST(Forecast, AFreshBaselineAtTenPercentTakesTwoAndAHalfTimesAsLong) {
  TrialPlan plan, fresh;
  fresh.baseline = BaselineArm::Fresh;
  const Outlook outlook{1e-4, 0.1, 1};
  const auto slower = [&](double ratio) {
    return *requests_to_fail(fresh, kErrors, outlook, ratio) / *requests_to_fail(plan, kErrors, outlook, ratio);
  };
  EXPECT_NEAR(slower(5), 2.4, 0.1);
  EXPECT_NEAR(slower(20), 2.8, 0.1);
}

TEST(Forecast, WhatIsToleratedIsNeverFound) {
  EXPECT_FALSE(requests_to_fail({}, kErrors, {0.001, 0.1, 1}, 1.1));
  EXPECT_FALSE(requests_to_fail({}, kErrors, {0, 0.1, 1}, 5));
  EXPECT_FALSE(requests_to_fail({}, kErrors, {0.001, 1, 1}, 5));
  EXPECT_FALSE(requests_to_fail({}, {.name = "queue", .kind = SloPlan::Kind::Gauge}, {0.001, 0.1, 1}, 5));
}

TEST(Forecast, FewerRequestsPassWithMoreWeightAndMoreWithClumps) {
  const SloPlan slo{.name = "errors"};
  const double half = *requests_to_pass({}, slo, {0.001, 0.5, 1}), tenth = *requests_to_pass({}, slo, {0.001, 0.1, 1});
  EXPECT_GT(half, tenth) << "per canary request the larger baseline tells more";
  EXPECT_LT(half / 0.5, tenth / 0.1) << "... but not per request of both arms";
  EXPECT_NEAR(*requests_to_pass({}, slo, {0.001, 0.1, 3}) / tenth, 3, 1e-9);
}

TEST(Forecast, OfADistributionTheHardestBoundCounts) {
  SloPlan slo{.name = "latency", .kind = SloPlan::Kind::LatencyDistribution, .bounds = {{0.1, 0.5, 1.05, 1.2}}};
  const double body = *requests_to_pass({}, slo, {0.001, 0.5, 1});
  slo.bounds.push_back({0.5, 0.005, 1.2, 1.5});
  EXPECT_GT(*requests_to_pass({}, slo, {0.001, 0.5, 1}), 5 * body);
}

}  // namespace
}  // namespace sluice::judge
