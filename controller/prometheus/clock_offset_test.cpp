#include "controller/prometheus/clock_offset.h"

#include <gtest/gtest.h>
#include <random>

namespace sluice::prometheus {
namespace {

const Time kNow = Time(Duration(1'800'000'000'300));

Time whole_second(Time at) { return Time(std::chrono::floor<std::chrono::seconds>(at.time_since_epoch())); }

// An exchange of `took` with a server whose clock is `ahead` of ours and that wrote its Date `after` our asking.
bool exchange(ClockOffset& offset, Time asked, Duration ahead, Duration took, Duration after) {
  return offset.learn(asked, asked + took, whole_second(asked + after + ahead));
}

TEST(ClockOffset, ClocksThatAgreeAreLeftAlone) {
  std::mt19937 random(1);
  ClockOffset offset;
  for (int i = 0; i < 10'000; ++i) {
    const Duration took(random() % 5000), after(took.count() > 0 ? static_cast<int>(random() % static_cast<unsigned>(took.count())) : 0);
    const Duration ahead(static_cast<int>(random() % 3000) - 1500);
    EXPECT_FALSE(exchange(offset, kNow + Duration(i * 977), ahead, took, after)) << i;
  }
  EXPECT_EQ(offset.ahead(), Duration(0));
}

TEST(ClockOffset, AWrongClockIsFoundAtOnceAndThenStaysStill) {
  std::mt19937 random(2);
  for (const int ahead : {-599'000, -63'000, -7'500, 5'000, 63'000, 599'000}) {
    ClockOffset offset;
    EXPECT_TRUE(exchange(offset, kNow, Duration(ahead), Duration(20), Duration(10)));
    EXPECT_NEAR(offset.ahead().count(), ahead, 1'000);
    for (int i = 0; i < 1'000; ++i)
      EXPECT_FALSE(exchange(offset, kNow + Duration(i * 977), Duration(ahead), Duration(random() % 300), Duration(0)));
  }
}

TEST(ClockOffset, AClockThatIsSetRightIsNoticed) {
  ClockOffset offset;
  exchange(offset, kNow, Duration(63'000), Duration(20), Duration(10));
  EXPECT_TRUE(exchange(offset, kNow, Duration(0), Duration(20), Duration(10)));
  EXPECT_LE(std::chrono::abs(offset.ahead()), Duration(1'000));
}

TEST(ClockOffset, AnHourIsNotBelievedButTold) {
  ClockOffset offset;
  EXPECT_FALSE(exchange(offset, kNow, Duration(3'600'000), Duration(20), Duration(10)));
  EXPECT_EQ(offset.ahead(), Duration(0));
  EXPECT_NEAR(offset.refused().count(), 3'600'000, 1'000);
  exchange(offset, kNow, Duration(0), Duration(20), Duration(10));
  EXPECT_EQ(offset.refused(), Duration(0));
}

}  // namespace
}  // namespace sluice::prometheus
