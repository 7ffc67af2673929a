#include "sample-service/store/executor.h"

#include <latch>
#include <vector>

#include <gtest/gtest.h>

namespace courier {
namespace {

TEST(Executor, AFullQueueRefusesAndTakesAgainLater) {
  std::latch started(1);
  std::latch go(1);
  std::vector<int> ran;
  {
    Executor executor(2);
    ASSERT_TRUE(executor.try_post([&] { started.count_down(); go.wait(); }));
    started.wait();
    EXPECT_TRUE(executor.try_post([&] { ran.push_back(1); }));
    EXPECT_TRUE(executor.try_post([&] { ran.push_back(2); }));
    EXPECT_FALSE(executor.try_post([&] { ran.push_back(3); }));
    EXPECT_EQ(executor.waiting(), 2U);
    go.count_down();
    EXPECT_EQ(executor.call([] { return 7; }), 7);
    EXPECT_TRUE(executor.try_post([&] { ran.push_back(4); }));
  }                                        // ends only after what was taken has run
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 4}));
}

}  // namespace
}  // namespace courier
