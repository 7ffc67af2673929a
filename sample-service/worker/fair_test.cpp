#include "sample-service/worker/fair.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

const Time kNow{Duration(1'000'000)};

Backlog waits(const std::string& receiver, const std::string& tenant = "t", Lane lane = Lane::Normal, int in_flight = 0, int most = 0) {
  return {receiver, tenant, lane, kNow, in_flight, most};
}

// Makes the receivers known as ones that answer well.
Fair trusting(std::size_t workers, std::initializer_list<const char*> receivers) {
  Fair fair(workers);
  for (const char* receiver : receivers) {
    fair.started(receiver);
    fair.ended(receiver, true);
  }
  return fair;
}

int taken(const std::vector<Pick>& picks, const std::string& receiver) {
  int count = 0;
  for (const Pick& pick : picks) count += pick.receiver == receiver ? pick.count : 0;
  return count;
}

TEST(Fair, WorkersAreSharedByTenantsAndThenByReceivers) {
  Fair fair = trusting(8, {"a1", "a2", "a3", "b1"});
  const auto picks = fair.choose({waits("a1", "a"), waits("a2", "a"), waits("a3", "a"), waits("b1", "b")}, 8, kNow);
  EXPECT_EQ(taken(picks, "b1"), 4);
  EXPECT_EQ(taken(picks, "a1") + taken(picks, "a2") + taken(picks, "a3"), 4);
  EXPECT_GE(taken(picks, "a3"), 1);
}

TEST(Fair, WithOneWorkerEverybodyHasATurn) {
  Fair fair(1);
  std::map<std::string, int> turns;
  for (int i = 0; i < 30; ++i) {
    const auto picks = fair.choose({waits("a1", "a"), waits("a2", "a"), waits("b1", "b")}, 1, kNow);
    ASSERT_EQ(picks.size(), 1U);
    ++turns[picks[0].receiver];
  }
  EXPECT_EQ(turns["b1"], 15);
  EXPECT_NEAR(turns["a1"], 7, 1);
  EXPECT_NEAR(turns["a2"], 7, 1);
}

TEST(Fair, WhatOtherProcessesHaveInFlightCounts) {
  Fair fair = trusting(4, {"a", "b"});
  const auto picks = fair.choose({waits("a", "a", Lane::Normal, 3), waits("b", "b")}, 2, kNow);
  EXPECT_EQ(taken(picks, "b"), 2);
}

TEST(Fair, AnEndpointsOwnLimitHoldsOverAllProcesses) {
  Fair fair = trusting(8, {"a"});
  EXPECT_EQ(taken(fair.choose({waits("a", "t", Lane::Normal, 1, 3)}, 8, kNow), "a"), 2);
  EXPECT_TRUE(fair.choose({waits("a", "t", Lane::Normal, 3, 3)}, 8, kNow).empty());
}

TEST(Fair, StrangersShareHalfAndTheBadAQuarterWhateverTheirNumber) {
  Fair fair = trusting(8, {"good"});
  std::vector<Backlog> backlog;
  for (int i = 0; i < 20; ++i) backlog.push_back(waits("new" + std::to_string(i), "t" + std::to_string(i)));
  const auto start = [&](const std::vector<Pick>& picks) {
    std::size_t started = 0;
    for (const Pick& pick : picks) {
      for (int i = 0; i < pick.count; ++i) fair.started(pick.receiver);
      started += static_cast<std::size_t>(pick.count);
    }
    return started;
  };
  EXPECT_EQ(start(fair.choose(backlog, 8, kNow)), 4U);
  EXPECT_EQ(fair.running(), 4U);
  for (int i = 0; i < 20; ++i) {
    const std::string receiver = "bad" + std::to_string(i);
    fair.started(receiver);
    fair.ended(receiver, false);
    backlog.push_back(waits(receiver, receiver));
  }
  EXPECT_EQ(start(fair.choose(backlog, 4, kNow)), 2U);
  backlog.push_back(waits("good", "g"));
  EXPECT_EQ(taken(fair.choose(backlog, 2, kNow), "good"), 2);
}

TEST(Fair, AReceiverThatTurnsBadIsPutBackAndOneThatRecoversIsNot) {
  Fair fair = trusting(8, {"a"});
  EXPECT_EQ(taken(fair.choose({waits("a")}, 8, kNow), "a"), 6);
  fair.started("a");
  fair.ended("a", false);
  EXPECT_EQ(taken(fair.choose({waits("a")}, 8, kNow), "a"), 2);
  fair.started("a");
  fair.ended("a", true);
  EXPECT_EQ(taken(fair.choose({waits("a")}, 8, kNow), "a"), 6);
}

TEST(Fair, UrgentGoesFirstButDoesNotStarveTheRest) {
  Fair fair = trusting(4, {"a", "b"});
  int urgent = 0;
  for (int i = 0; i < 40; ++i) {
    const auto picks = fair.choose({waits("a", "t", Lane::Urgent), waits("b", "t", Lane::Normal)}, 1, kNow);
    urgent += taken(picks, "a");
  }
  EXPECT_EQ(urgent, 30);
  EXPECT_EQ(fair.choose({waits("b", "t", Lane::Normal), waits("a", "t", Lane::Urgent)}, 1, kNow).at(0).receiver, "a");
}

TEST(Fair, NothingIsTakenForAReceiverThatIsHeld) {
  Fair fair(4);
  fair.hold("a", kNow + Duration(1));
  EXPECT_TRUE(fair.choose({waits("a")}, 4, kNow).empty());
  EXPECT_FALSE(fair.choose({waits("a")}, 4, kNow + Duration(1)).empty());
}

}  // namespace
}  // namespace courier
