#include "sample-service/store/store_clock.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

using sluice::Duration;
using sluice::Time;

// Two clocks of one machine, each set by hand.
struct Machine final : sluice::Clock {
  Time now() const override { return wall; }
  Duration monotonic() const override { return up; }
  Time wall{Duration(1'000'000)};
  Duration up{500};
};

TEST(StoreClock, IsTheMachinesUntilTheStoreWasAsked) {
  Machine machine;
  const StoreClock clock(machine);
  EXPECT_EQ(clock.now(), machine.wall);
  EXPECT_EQ(clock.ahead(), Duration(0));
}

TEST(StoreClock, GoesOnFromWhatTheStoreSaidInTheMiddleOfTheQuestion) {
  Machine machine;
  StoreClock clock(machine);
  clock.set(Time(Duration(2'000'000)), Duration(400), Duration(500));
  EXPECT_EQ(clock.now(), Time(Duration(2'000'050)));
  machine.up += Duration(1'000);
  EXPECT_EQ(clock.now(), Time(Duration(2'001'050)));
  EXPECT_EQ(clock.monotonic(), Duration(1'500));
}

TEST(StoreClock, AStepOfTheMachinesClockDoesNotMoveItButIsSeen) {
  Machine machine;
  StoreClock clock(machine);
  clock.set(machine.wall, machine.up, machine.up);
  machine.wall += Duration(3'600'000);
  EXPECT_EQ(clock.now(), Time(Duration(1'000'000)));
  EXPECT_EQ(clock.ahead(), Duration(3'600'000));
  machine.wall -= Duration(7'200'000);
  EXPECT_EQ(clock.ahead(), Duration(-3'600'000));
}

}  // namespace
}  // namespace courier
