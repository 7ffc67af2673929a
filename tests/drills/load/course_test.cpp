#include "tests/drills/load/course.h"

#include <gtest/gtest.h>

namespace courier::drills {
namespace {

using namespace std::chrono_literals;

TEST(DrillCourse, TheFirstOfTwoTriesGetsHalfOfTheDeadline) {
  Course course(Kind::Write, 0ms, 2, 1s);
  EXPECT_EQ(course.timeout(0ms), 500ms);
  EXPECT_EQ(course.timeout(100ms), 450ms);
  EXPECT_EQ(course.patience(0ms), 500ms);
  EXPECT_TRUE(course.note({.why = "time out"}));
  course.retry();
  EXPECT_EQ(course.timeout(600ms), 400ms);
  EXPECT_FALSE(course.note({.why = "time out"}));
}

TEST(DrillCourse, WithoutAnotherTryTheClientWaitsPastTheDeadline) {
  const Course course(Kind::Read, 0ms, 1, 250ms);
  EXPECT_EQ(course.timeout(0ms), 250ms);
  EXPECT_EQ(course.patience(0ms), 1'250ms);
  EXPECT_EQ(Course(Kind::Read, 0ms, 2, 250ms).patience(1s), 10ms);  // always a little
}

TEST(DrillCourse, WhatWasTakenIsNotTriedAgain) {
  for (const int status : {200, 202}) {
    Course course(Kind::Write, 3s, 2, 1s);
    EXPECT_FALSE(course.note({.status = status}));
    const Outcome outcome = course.end(20ms);
    EXPECT_TRUE(outcome.ok);
    EXPECT_EQ(outcome.sent, 3s);
    EXPECT_EQ(outcome.took, 20ms);
    EXPECT_FALSE(outcome.retried || outcome.late || outcome.open_end);
  }
}

TEST(DrillCourse, AConflictIsAGoodAnswerToARepeatOnly) {
  Course repeat(Kind::Repeat, 0ms, 2, 1s);
  EXPECT_FALSE(repeat.note({.status = 409}));
  EXPECT_TRUE(repeat.end(1ms).ok);
  Course write(Kind::Write, 0ms, 1, 1s);
  EXPECT_FALSE(write.note({.status = 409}));
  const Outcome outcome = write.end(1ms);
  EXPECT_FALSE(outcome.ok);
  EXPECT_TRUE(outcome.conflict);
}

TEST(DrillCourse, WhatAnyTryWasToldIsRememberedThoughTheLastOneWasTaken) {
  const auto after = [](Answer first) {
    Course course(Kind::Write, 0ms, 2, 1s);
    EXPECT_TRUE(course.note(first));
    course.retry();
    EXPECT_FALSE(course.note({.status = 202}));
    return course.end(1ms);
  };
  EXPECT_TRUE(after({.status = 503}).shed);
  EXPECT_TRUE(after({.status = 429}).shed);
  EXPECT_TRUE(after({.status = 401}).unauthorized);
  EXPECT_TRUE(after({.status = 403}).unauthorized);
  EXPECT_TRUE(after({.status = 504}).open_end);
  EXPECT_TRUE(after({.why = "time out"}).open_end);
  EXPECT_FALSE(after({.status = 500}).open_end);
  EXPECT_TRUE(after({.status = 500}).retried);
  EXPECT_TRUE(after({.status = 500}).ok);
}

TEST(DrillCourse, OnlyAnAnswerCanBeLate) {
  Course answered(Kind::Read, 0ms, 1, 250ms);
  answered.note({.status = 200});
  EXPECT_FALSE(answered.end(300ms).late);
  EXPECT_TRUE(answered.end(301ms).late);
  Course silent(Kind::Read, 0ms, 1, 250ms);
  silent.note({.why = "time out"});
  EXPECT_FALSE(silent.end(2s).late);
  EXPECT_EQ(silent.end(2s).why, "time out");
}

}  // namespace
}  // namespace courier::drills
