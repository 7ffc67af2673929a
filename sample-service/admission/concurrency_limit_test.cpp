#include "sample-service/admission/concurrency_limit.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace courier {
namespace {

TEST(ConcurrencyLimit, RefusesWhatIsOverItAndTakesAgainWhenAPlaceIsFree) {
  ConcurrencyLimit limit(2);
  auto first = limit.try_acquire();
  const auto second = limit.try_acquire();
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(limit.has_room());
  EXPECT_FALSE(limit.try_acquire());
  first.reset();
  EXPECT_TRUE(limit.has_room());
  EXPECT_TRUE(limit.try_acquire());
  EXPECT_EQ(limit.in_use(), 1U);
}

TEST(ConcurrencyLimit, AMovedPermitGivesItsPlaceBackOnce) {
  ConcurrencyLimit limit(1);
  {
    auto permit = limit.try_acquire();
    ConcurrencyLimit::Permit moved = *std::move(permit);
    EXPECT_EQ(limit.in_use(), 1U);
  }
  EXPECT_EQ(limit.in_use(), 0U);
}

TEST(ConcurrencyLimit, ASmallerOneLetsWhatIsInWorkEnd) {
  ConcurrencyLimit limit(3);
  auto first = limit.try_acquire();
  auto second = limit.try_acquire();
  limit.resize(1);
  EXPECT_FALSE(limit.has_room());
  first.reset();
  EXPECT_FALSE(limit.try_acquire());
  second.reset();
  EXPECT_TRUE(limit.try_acquire());
}

TEST(ConcurrencyLimit, ZeroIsNoLimit) {
  ConcurrencyLimit limit(0);
  std::vector<std::optional<ConcurrencyLimit::Permit>> held;
  for (int i = 0; i < 1000; ++i) held.push_back(limit.try_acquire());
  EXPECT_TRUE(std::all_of(held.begin(), held.end(), [](const auto& permit) { return permit.has_value(); }));
}

TEST(ConcurrencyLimit, ManyThreadsNeverHoldMoreThanTheLimit) {
  ConcurrencyLimit limit(3);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 2'000; ++k) {
        const auto permit = limit.try_acquire();
        if (!permit) continue;
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {}
        --inside;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(limit.in_use(), 0U);
}

}  // namespace
}  // namespace courier
