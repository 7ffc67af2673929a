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
  void pass(Duration time) {
    wall += time;
    up += time;
  }
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

TEST(StoreClock, WithoutAClockOfTheStoreItIsTheMachinesWhereThatDoesNotStep) {
  Machine machine;
  StoreClock clock(machine);
  for (int second = 0; second < 100; ++second) {
    clock.follow_machine();
    EXPECT_EQ(clock.now(), machine.wall);
    machine.pass(Duration(1'000));
    EXPECT_EQ(clock.now(), machine.wall);
  }
}

TEST(StoreClock, AStepBackMakesTimeSlowAndNeverTurnsIt) {
  Machine machine;
  StoreClock clock(machine);
  clock.follow_machine();
  const Time put_off = clock.now() + Duration(4'000);
  machine.wall -= Duration(3'600'000);
  Time before = clock.now();
  int waited = 0;
  for (; clock.now() < put_off; waited += 100) {
    if (waited % 1'000 == 0) clock.follow_machine();
    machine.pass(Duration(100));
    EXPECT_GT(clock.now(), before);
    before = clock.now();
  }
  EXPECT_LE(waited, 8'000) << "twice as long as it should wait, whatever the step";
  EXPECT_GE(waited, 4'000);
}

TEST(StoreClock, AStepForwardEndsNoLoanMuchTooSoon) {
  Machine machine;
  StoreClock clock(machine);
  clock.follow_machine();
  const Time lease_until = clock.now() + Duration(10'000);
  machine.wall += Duration(3'600'000);
  for (int second = 0; second < 6; ++second) {
    clock.follow_machine();
    EXPECT_LT(clock.now(), lease_until) << second;
    machine.pass(Duration(1'000));
  }
}

TEST(StoreClock, AStepIsMadeUpForInTwiceItsLength) {
  for (const Duration step : {Duration(-3'600'000), Duration(3'600'000)}) {
    Machine machine;
    StoreClock clock(machine);
    clock.follow_machine();
    machine.wall += step;
    for (int second = 0; second < 7'200; ++second) {
      clock.follow_machine();
      EXPECT_NE(clock.ahead(), Duration(0)) << second;
      machine.pass(Duration(1'000));
    }
    EXPECT_EQ(clock.ahead(), Duration(0));
  }
}

}  // namespace
}  // namespace courier
