#include "sample-service/admission/circuit.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

constexpr double kNoJitter = 1;  // the whole break

Circuit opened(Duration now) {
  Circuit circuit({.failures = 3, .first_break = Duration(1'000), .longest_break = Duration(3'000)});
  for (int i = 0; i < 3; ++i) circuit.failed(now, now, kNoJitter);
  return circuit;
}

TEST(Circuit, OpensAfterFailuresInARowOnly) {
  Circuit circuit({.failures = 3});
  for (int i = 0; i < 10; ++i) {
    circuit.failed(Duration(0), Duration(0), 0.5);
    circuit.failed(Duration(0), Duration(0), 0.5);
    circuit.succeeded();
  }
  EXPECT_EQ(circuit.state(), Circuit::State::Closed);
  for (int i = 0; i < 3; ++i) circuit.failed(Duration(0), Duration(0), 0.5);
  EXPECT_EQ(circuit.state(), Circuit::State::Open);
  EXPECT_FALSE(circuit.allow(Duration(0)));
}

TEST(Circuit, AfterTheBreakOneProbePassesAndItsSuccessCloses) {
  Circuit circuit = opened(Duration(0));
  EXPECT_FALSE(circuit.allow(Duration(999)));
  EXPECT_EQ(circuit.closed_for(Duration(400)), Duration(600));
  EXPECT_TRUE(circuit.allow(Duration(1'000)));
  EXPECT_FALSE(circuit.allow(Duration(1'000))) << "a second one has to wait for the first";
  circuit.succeeded();
  EXPECT_TRUE(circuit.allow(Duration(1'000)));
  EXPECT_TRUE(circuit.allow(Duration(1'000)));
}

TEST(Circuit, EachFailedProbeDoublesTheBreakUpToTheLongest) {
  Circuit circuit = opened(Duration(0));
  Duration now(0);
  for (const int expected : {1'000, 2'000, 3'000, 3'000}) {
    EXPECT_EQ(circuit.closed_for(now), Duration(expected));
    now += Duration(expected);
    EXPECT_TRUE(circuit.allow(now));
    circuit.failed(now, now, kNoJitter);
  }
  circuit.succeeded();
  for (int i = 0; i < 3; ++i) circuit.failed(now, now, kNoJitter);
  EXPECT_EQ(circuit.closed_for(now), Duration(1'000)) << "a success forgets the breaks before it";
}

TEST(Circuit, JitterSpreadsTheProbesOverHalfOfTheBreak) {
  Circuit circuit({.failures = 1, .first_break = Duration(1'000)});
  circuit.failed(Duration(0), Duration(0), 0);
  EXPECT_EQ(circuit.closed_for(Duration(0)), Duration(500));
}

TEST(Circuit, LateFailuresOfCallsUnderWayDoNotProlongTheBreak) {
  Circuit circuit = opened(Duration(0));
  circuit.failed(Duration(0), Duration(900), kNoJitter);
  EXPECT_TRUE(circuit.allow(Duration(1'000)));
}

TEST(Circuit, LateFailuresOfCallsUnderWayAreNotTakenForTheProbes) {
  Circuit circuit({.failures = 3, .first_break = Duration(1'000)});
  circuit.trip(Duration(5'000), kNoJitter);
  ASSERT_TRUE(circuit.allow(Duration(6'000)));
  circuit.failed(Duration(0), Duration(10'000), kNoJitter);
  EXPECT_EQ(circuit.state(), Circuit::State::HalfOpen);
  EXPECT_FALSE(circuit.allow(Duration(10'000))) << "the probe is still under way";
  circuit.failed(Duration(6'000), Duration(16'000), kNoJitter);
  EXPECT_EQ(circuit.closed_for(Duration(16'000)), Duration(2'000));
}

TEST(Circuit, ALateAnswerToACallUnderWayCloses) {
  Circuit circuit({.failures = 3});
  circuit.trip(Duration(5'000), kNoJitter);
  circuit.succeeded();
  EXPECT_EQ(circuit.state(), Circuit::State::Closed);
}

TEST(Circuit, ToldToOpenItOpensAtTheFirstTimeOnly) {
  Circuit circuit({.failures = 3, .first_break = Duration(1'000)});
  circuit.trip(Duration(5'000), kNoJitter);
  EXPECT_EQ(circuit.closed_for(Duration(5'000)), Duration(1'000));
  circuit.trip(Duration(5'900), kNoJitter);
  EXPECT_EQ(circuit.closed_for(Duration(5'900)), Duration(100));
  ASSERT_TRUE(circuit.allow(Duration(6'000)));
  circuit.trip(Duration(6'100), kNoJitter);
  EXPECT_EQ(circuit.state(), Circuit::State::HalfOpen) << "whether it fails is for the probe to say";
}

TEST(Circuit, AnAbandonedProbeLetsTheNextOnePassAtOnce) {
  Circuit circuit = opened(Duration(0));
  EXPECT_TRUE(circuit.allow(Duration(1'000)));
  circuit.abandoned(Duration(1'100));
  EXPECT_TRUE(circuit.allow(Duration(1'100)));
}

TEST(Circuit, AProbeThatIsNeverReportedIsGivenUp) {
  Circuit circuit = opened(Duration(0));
  EXPECT_TRUE(circuit.allow(Duration(1'000)));
  EXPECT_FALSE(circuit.allow(Duration(3'999)));
  EXPECT_TRUE(circuit.allow(Duration(4'000)));
}

}  // namespace
}  // namespace courier
