#include "sample-service/cache/l1.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

constexpr Duration kTtl{1'000};
constexpr Duration kNow{50'000};
constexpr double kMiddle = 0.5;  // a life of exactly the TTL

TEST(L1, ACopyIsFreshThenStaleThenGone) {
  L1 cache(10'000);
  ASSERT_TRUE(cache.keep("k", "v", 1, kTtl, kNow, kMiddle));
  EXPECT_TRUE(cache.find("k", kNow + kTtl - Duration(1))->fresh);
  const auto stale = cache.find("k", kNow + kTtl);
  ASSERT_TRUE(stale);
  EXPECT_FALSE(stale->fresh);
  EXPECT_EQ(stale->value, "v");
  EXPECT_TRUE(cache.find("k", kNow + kTtl + L1::kStale - Duration(1)));
  EXPECT_FALSE(cache.find("k", kNow + kTtl + L1::kStale));
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(L1, LivesStayWithinTheirJitter) {
  for (const auto& [unit, life] : {std::pair(0.0, Duration(800)), std::pair(0.5, Duration(1'000)), std::pair(0.99999, Duration(1'200))}) {
    L1 cache(10'000);
    cache.keep("k", "v", 1, kTtl, kNow, unit);
    EXPECT_TRUE(cache.find("k", kNow + life - Duration(1))->fresh) << unit;
    EXPECT_FALSE(cache.find("k", kNow + life)->fresh) << unit;
  }
}

TEST(L1, BytesAreBoundedAndTheLeastAskedForMakesRoom) {
  const std::size_t one = L1::kKeeping + 2 + 100;
  L1 cache(3 * one);
  const std::string value(100, 'v');
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(cache.keep(key, value, 1, kTtl, kNow, kMiddle));
  EXPECT_EQ(cache.bytes(), 3 * one);
  EXPECT_TRUE(cache.find("a", kNow));
  ASSERT_TRUE(cache.keep("d", value, 1, kTtl, kNow, kMiddle));
  EXPECT_FALSE(cache.find("b", kNow)) << "was not asked for longest";
  for (const char* key : {"a", "c", "d"}) EXPECT_TRUE(cache.find(key, kNow)) << key;
  for (int i = 0; i < 1'000; ++i) {
    cache.keep(std::to_string(i), std::string(static_cast<std::size_t>(i), 'v'), 1, kTtl, kNow, kMiddle);
    ASSERT_LE(cache.bytes(), 3 * one);
  }
}

TEST(L1, WhatIsLargerThanAllRoomIsNotKeptNorIsWhatItReplaces) {
  L1 cache(L1::kKeeping + 100);
  ASSERT_TRUE(cache.keep("k", "small", 1, kTtl, kNow, kMiddle));
  EXPECT_FALSE(cache.keep("k", std::string(200, 'v'), 2, kTtl, kNow, kMiddle));
  EXPECT_FALSE(cache.find("k", kNow));
  L1 off(0);
  EXPECT_FALSE(off.keep("k", "", 1, kTtl, kNow, kMiddle));
}

TEST(L1, AnAnnouncedVersionDropsWhatIsOlderOnly) {
  L1 cache(10'000);
  cache.keep("k", "old", 1, kTtl, kNow, kMiddle);
  cache.drop_older("k", 2);
  EXPECT_FALSE(cache.find("k", kNow));
  cache.keep("k", "new", 3, kTtl, kNow, kMiddle);
  cache.drop_older("k", 3);
  cache.drop_older("k", 2);  // announcements may overtake each other
  EXPECT_EQ(cache.find("k", kNow)->value, "new");
  EXPECT_FALSE(cache.keep("k", "old", 2, kTtl, kNow, kMiddle));
  EXPECT_EQ(cache.find("k", kNow)->version, 3);
}

TEST(L1, LookingForABetterOneIsPutOffForStaleCopiesOnly) {
  L1 cache(10'000);
  cache.keep("k", "v", 1, kTtl, kNow, kMiddle);
  cache.put_off("k", kNow + kTtl + Duration(500));
  EXPECT_FALSE(cache.find("k", kNow)->put_off);
  EXPECT_TRUE(cache.find("k", kNow + kTtl)->put_off);
  EXPECT_FALSE(cache.find("k", kNow + kTtl + Duration(500))->put_off);
}

}  // namespace
}  // namespace courier
