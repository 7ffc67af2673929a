#include "tests/drills/load/rotation.h"

#include <gtest/gtest.h>

namespace courier::drills {
namespace {

TEST(DrillRotation, NodesTakeTurns) {
  Rotation rotation;
  for (const Port node : {Port{1}, Port{2}, Port{3}}) rotation.add(node);
  std::vector<Port> called;
  for (int i = 0; i < 5; ++i) called.push_back(*rotation.next());
  EXPECT_EQ(called, (std::vector<Port>{1, 2, 3, 1, 2}));
}

TEST(DrillRotation, ARetryIsOnAnotherNodeIfThereIsOne) {
  Rotation rotation;
  rotation.add(1);
  EXPECT_EQ(rotation.other(1), 1);
  rotation.add(2);
  rotation.add(3);
  std::vector<Port> called;
  for (int i = 0; i < 4; ++i) called.push_back(*rotation.other(1));
  EXPECT_EQ(called, (std::vector<Port>{2, 3, 2, 3}));
}

TEST(DrillRotation, RetriesDoNotShiftTheTurnsOfFirstTries) {
  Rotation rotation;
  rotation.add(1);
  rotation.add(2);
  std::vector<Port> called;
  for (int i = 0; i < 4; ++i) {
    called.push_back(*rotation.next());
    EXPECT_NE(rotation.other(called.back()), called.back());
  }
  EXPECT_EQ(called, (std::vector<Port>{1, 2, 1, 2}));
}

TEST(DrillRotation, WhatLeftIsCalledUntilItIsRemovedAndAgainWhenItIsBack) {
  Rotation rotation;
  rotation.add(1);
  rotation.add(2);
  rotation.remove(1);
  EXPECT_FALSE(rotation.has(1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rotation.next(), 2);
  rotation.add(1);
  rotation.add(1);  // twice is once
  const auto first = rotation.next();
  EXPECT_NE(first, rotation.next());
}

TEST(DrillRotation, ThereMayBeNone) {
  Rotation rotation;
  EXPECT_FALSE(rotation.next());
  rotation.add(1);
  rotation.remove(1);
  EXPECT_FALSE(rotation.next());
  EXPECT_FALSE(rotation.other(1));
}

}  // namespace
}  // namespace courier::drills
