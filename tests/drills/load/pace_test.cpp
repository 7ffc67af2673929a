#include "tests/drills/load/pace.h"

#include <gtest/gtest.h>

#include "tests/drills/load/share.h"

namespace courier::drills {
namespace {

using namespace std::chrono_literals;

TEST(DrillPace, IsEvenHoweverLateItsRequestsAreTaken) {
  Pace pace(1'000, 10ms);
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto turn = pace.next(1s);  // the client was not given a processor
    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->number, i);
    EXPECT_EQ(turn->sent, i * 1ms);
  }
  EXPECT_FALSE(pace.next(1s));
  EXPECT_FALSE(pace.due());
}

TEST(DrillPace, WhatIsNotDueWaits) {
  Pace pace(1'000, 10ms);
  EXPECT_TRUE(pace.next(0ms));
  EXPECT_FALSE(pace.next(999us));
  EXPECT_EQ(pace.due(), 1ms);
  EXPECT_TRUE(pace.next(1ms));
}

TEST(DrillPace, AChangedRateIsThatOfTheRequestsAfterTheNextOne) {
  Pace pace(100, 1s);
  EXPECT_TRUE(pace.next(0ms));
  pace.set_factor(5);
  EXPECT_EQ(pace.next(10ms)->sent, 10ms);
  EXPECT_EQ(pace.due(), 12ms);
  EXPECT_EQ(pace.rate(), 500);
}

TEST(DrillPace, AShareIsEvenlySpread) {
  std::string picked;
  for (std::uint64_t i = 0; i < 10; ++i) picked += every(i, 0.2) ? 'x' : '.';
  EXPECT_EQ(picked, "....x....x");
  EXPECT_TRUE(every(7, 1));
  EXPECT_FALSE(every(7, 0));
}

}  // namespace
}  // namespace courier::drills
