#include "sample-service/admission/silence.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

Duration at(int milliseconds) { return Duration(milliseconds); }

TEST(Silence, LastsFromTheFirstCallOnWhileNobodyAnswers) {
  Silence silence;
  silence.begun(at(1'000));
  silence.begun(at(3'000));
  EXPECT_EQ(silence.lasts(at(4'000)), at(3'000));
}

TEST(Silence, ThereIsNoneWhileNobodyCalls) {
  Silence silence;
  EXPECT_EQ(silence.lasts(at(9'000)), at(0));
  silence.begun(at(1'000));
  silence.ended(at(2'000), true);
  EXPECT_EQ(silence.lasts(at(9'000)), at(0));
  silence.begun(at(9'000));
  EXPECT_EQ(silence.lasts(at(9'500)), at(500));
}

TEST(Silence, AnAnswerToAnyCallEndsIt) {
  Silence silence;
  silence.begun(at(0));
  for (int now = 1'000; now < 60'000; now += 1'000) {
    silence.begun(at(now - 500));
    silence.ended(at(now), true);
    EXPECT_LE(silence.lasts(at(now + 900)), at(1'000)) << "one call that hangs among many that do not";
  }
}

TEST(Silence, ACallThatEndsWithoutAnAnswerDoesNotWhileOthersAreUnderWay) {
  Silence silence;
  silence.begun(at(0));
  silence.begun(at(9'000));
  silence.ended(at(10'000), false);
  EXPECT_EQ(silence.lasts(at(11'000)), at(11'000));
  silence.ended(at(19'000), false);
  silence.begun(at(20'000));
  EXPECT_EQ(silence.lasts(at(20'500)), at(500));
}

}  // namespace
}  // namespace courier
