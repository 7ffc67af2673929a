#include "tests/bench/courier/schedule.h"

#include <gtest/gtest.h>

namespace courier::bench {
namespace {

using namespace std::chrono_literals;

TEST(LoadSchedule, AnOpenLoopIsEvenHoweverLateItsRequestsAreTaken) {
  Schedule schedule({{1'000, 10ms}});
  for (int i = 0; i < 10; ++i) {
    const auto turn = schedule.next(50ms);  // a server that stalled
    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->intended, i * 1ms);
  }
  EXPECT_FALSE(schedule.next(50ms));
  EXPECT_TRUE(schedule.over(50ms));
}

TEST(LoadSchedule, WhatIsNotDueWaits) {
  Schedule schedule({{1'000, 10ms}});
  EXPECT_TRUE(schedule.next(0ms));
  EXPECT_FALSE(schedule.next(999us));
  EXPECT_EQ(schedule.wait(400us), 600us);
  EXPECT_FALSE(schedule.over(999us));
  EXPECT_TRUE(schedule.next(1ms));
}

TEST(LoadSchedule, WhatAPhaseDidNotSendIsSentBeforeTheNextOne) {
  Schedule schedule({{1'000, 3ms}, {100, 20ms}});
  std::vector<std::pair<std::size_t, Nanoseconds>> taken;
  while (const auto turn = schedule.next(23ms)) taken.emplace_back(turn->phase, turn->intended);
  EXPECT_EQ(taken, (std::vector<std::pair<std::size_t, Nanoseconds>>{{0, 0ms}, {0, 1ms}, {0, 2ms}, {1, 3ms}, {1, 13ms}}));
}

TEST(LoadSchedule, AClosedLoopSendsAtOnceUntilItsTimeIsOver) {
  Schedule schedule({{0, 5ms}, {1'000, 1ms}});
  EXPECT_EQ(schedule.wait(0ms), 0ms);
  for (const auto now : {0us, 1us, 1us, 4'999us}) EXPECT_EQ(schedule.next(now)->intended, now);
  const auto after = schedule.next(5ms);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->phase, 1u);
  EXPECT_TRUE(schedule.over(5ms));
}

TEST(LoadSchedule, AClosedLoopAfterAnOpenOneWaitsForItsTurn) {
  Schedule schedule({{100, 20ms}, {0, 5ms}});
  EXPECT_TRUE(schedule.next(0ms));
  EXPECT_TRUE(schedule.next(10ms));
  EXPECT_FALSE(schedule.next(15ms));
  EXPECT_EQ(schedule.wait(15ms), 5ms);
  EXPECT_EQ(schedule.next(20ms)->phase, 1u);
}

TEST(LoadPhase, IsReadFromText) {
  EXPECT_EQ(parse_phase("2000:1.5")->rate, 2000);
  EXPECT_EQ(parse_phase("2000:1.5")->length, 1500ms);
  EXPECT_EQ(parse_phase("closed:3")->rate, 0);
  for (const char* wrong : {"", "5", "0:1", "-1:1", "5:", "5:0", "5:601", "2e6:1", "open:1", "5:1:1", "5x:1"}) {
    EXPECT_FALSE(parse_phase(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace courier::bench
