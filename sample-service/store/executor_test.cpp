#include "sample-service/store/executor.h"

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
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
    ASSERT_TRUE(executor.try_post([&] {
      started.count_down();
      go.wait();
    }));
    started.wait();
    EXPECT_TRUE(executor.try_post([&] { ran.push_back(1); }));
    EXPECT_TRUE(executor.try_post([&] { ran.push_back(2); }));
    EXPECT_FALSE(executor.try_post([&] { ran.push_back(3); }));
    EXPECT_EQ(executor.waiting(), 2U);
    go.count_down();
    EXPECT_EQ(executor.call([] { return 7; }), 7);
    EXPECT_TRUE(executor.try_post([&] { ran.push_back(4); }));
  }  // ends only after what was taken has run
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 4}));
}

TEST(Executor, AsManyThreadsWorkAtATimeAndOneOfThemTicks) {
  std::atomic<int> ticks{0};
  std::mutex mutex;
  std::set<std::thread::id> ticking;
  std::latch together(3);
  {
    Executor executor(
        8,
        [&] {
          const std::lock_guard lock(mutex);
          ticking.insert(std::this_thread::get_id());
          ++ticks;
        },
        3);
    // None of them ends before all three have begun.
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(executor.try_post([&] { together.arrive_and_wait(); }));
    together.wait();
  }
  EXPECT_GE(ticks, 1);
  EXPECT_EQ(ticking.size(), 1U);
}

}  // namespace
}  // namespace courier
