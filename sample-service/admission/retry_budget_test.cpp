#include "sample-service/admission/retry_budget.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

TEST(RetryBudget, RetriesStayATenthOfTheTries) {
  RetryBudget budget({.share = 0.1, .per_second = 0});
  int retries = 0;
  for (int i = 0; i < 10'000; ++i) {  // 1000 tries each second, all of which would like to be repeated
    const Duration now(i);
    budget.first_try(now);
    if (budget.try_retry(now)) ++retries;
  }
  EXPECT_GE(retries, 990);
  EXPECT_LE(retries, 1'000);
}

TEST(RetryBudget, AQuietClientHasItsReserveEachSecond) {
  RetryBudget budget({.share = 0.1, .per_second = 2});
  EXPECT_TRUE(budget.try_retry(Duration(0)));
  EXPECT_TRUE(budget.try_retry(Duration(100)));
  EXPECT_FALSE(budget.try_retry(Duration(900)));
  EXPECT_TRUE(budget.try_retry(Duration(1'000)));
}

TEST(RetryBudget, WhatWasEarnedLongAgoIsGone) {
  RetryBudget budget({.share = 0.5, .per_second = 0});
  for (int i = 0; i < 100; ++i) budget.first_try(Duration(0));
  EXPECT_TRUE(budget.try_retry(Duration(9'000)));
  EXPECT_FALSE(budget.try_retry(Duration(10'000)));
}

TEST(RetryBudget, WithoutATryNothingIsEarned) {
  RetryBudget budget({.share = 1, .per_second = 0});
  EXPECT_FALSE(budget.try_retry(Duration(0)));
  budget.first_try(Duration(0));
  EXPECT_TRUE(budget.try_retry(Duration(0)));
  EXPECT_FALSE(budget.try_retry(Duration(0)));
}

}  // namespace
}  // namespace courier
