#include "tests/drills/load/retry_budget.h"

#include <gtest/gtest.h>

namespace courier::drills {
namespace {

using namespace std::chrono_literals;

int all_of(RetryBudget& budget, Nanoseconds now) {
  int taken = 0;
  while (budget.take(now)) ++taken;
  return taken;
}

TEST(DrillRetryBudget, HasTenForEachSecondWithoutAnyRequest) {
  RetryBudget budget;
  EXPECT_EQ(all_of(budget, 0s), 100);
  EXPECT_EQ(all_of(budget, 9s), 0);
  EXPECT_EQ(all_of(budget, 10s), 100);
}

TEST(DrillRetryBudget, MayBeSpentAtOnce) {
  RetryBudget budget;
  for (int second = 0; second < 8; ++second) {
    for (int i = 0; i < 2'000; ++i) budget.first_try(std::chrono::seconds(second));
  }
  EXPECT_NEAR(all_of(budget, 8s), 8 * 400 + 100, 1);
  EXPECT_FALSE(budget.take(8s));
  for (int i = 0; i < 10; ++i) budget.first_try(8s);
  EXPECT_NEAR(all_of(budget, 8s), 2, 1);
}

TEST(DrillRetryBudget, AQuietHourSavesNothingUp) {
  RetryBudget budget;
  for (int second = 0; second < 3'600; ++second) budget.first_try(std::chrono::seconds(second));
  EXPECT_NEAR(all_of(budget, 3'600s), 100 + 2, 1);
  for (int i = 0; i < 1'000; ++i) budget.first_try(3'700s);
  EXPECT_EQ(all_of(budget, 3'715s), 100);  // also when nothing came since
}

TEST(DrillRetryBudget, WhatWasSpentIsForgottenWithWhatWasEarned) {
  RetryBudget budget;
  for (int i = 0; i < 1'000; ++i) budget.first_try(0s);
  EXPECT_NEAR(all_of(budget, 9s), 300, 1);
  EXPECT_EQ(all_of(budget, 10s), 0);  // 200 were earned ten seconds ago, 300 were spent one second ago
  EXPECT_EQ(all_of(budget, 19s), 100);
}

}  // namespace
}  // namespace courier::drills
