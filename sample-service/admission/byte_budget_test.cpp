#include "sample-service/admission/byte_budget.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

TEST(ByteBudget, WhatDoesNotFitIsRefusedUntilAShareIsGivenBack) {
  ByteBudget budget(100);
  auto first = budget.try_take(60);
  EXPECT_TRUE(first);
  EXPECT_FALSE(budget.try_take(41));
  EXPECT_TRUE(budget.try_take(40)) << "and given back at once";
  EXPECT_TRUE(budget.try_take(0));
  EXPECT_FALSE(budget.try_take(static_cast<std::size_t>(-1))) << "no overflow";
  first.reset();
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_TRUE(budget.try_take(100));
}

TEST(ByteBudget, AMovedShareIsGivenBackOnce) {
  ByteBudget budget(10);
  {
    auto share = budget.try_take(10);
    ByteBudget::Share moved = *std::move(share);
    EXPECT_EQ(budget.used(), 10U);
  }
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace courier
