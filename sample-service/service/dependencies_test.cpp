#include "sample-service/service/dependencies.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

const Expected<void> kDown = sluice::fail(sluice::Error::Kind::Unavailable, "no route to it");

TEST(Dependencies, ASoftOneNeverKeepsTrafficAway) {
  Dependencies dependencies;
  dependencies.define("broker", false);
  for (int i = 0; i < 10; ++i) dependencies.report("broker", kDown, Duration(5), Time());
  EXPECT_EQ(dependencies.why_unready(), "");
  EXPECT_EQ(dependencies.answer().status, 503);
  EXPECT_NE(dependencies.lines().find("[-] broker: no route to it (10 failures in a row; soft)"), std::string::npos)
      << dependencies.lines();
}

TEST(Dependencies, AHardOneDoesAfterThreeFailuresInARowAndUntilItIsBack) {
  Dependencies dependencies;
  dependencies.define("database", true);
  dependencies.report("database", kDown, Duration(5), Time());
  dependencies.report("database", kDown, Duration(5), Time());
  EXPECT_EQ(dependencies.why_unready(), "");
  dependencies.report("database", kDown, Duration(5), Time());
  EXPECT_NE(dependencies.why_unready().find("database: 3 failures in a row: no route to it"), std::string::npos);
  dependencies.report("database", {}, Duration(2), Time());
  EXPECT_EQ(dependencies.why_unready(), "");
  EXPECT_EQ(dependencies.lines(), "[+] database: ok, 2ms\n");
  EXPECT_EQ(dependencies.answer().status, 200);
}

TEST(Dependencies, TheAnswerSaysWhatWasFoundWhenAndHowFast) {
  Dependencies dependencies;
  dependencies.define("database", true);
  dependencies.report("database", {}, Duration(2), Time(Duration(1'700'000'000'000)));
  EXPECT_EQ(
      dependencies.answer().body,
      R"({"dependencies":[{"name":"database","ok":true,"hard":true,"failuresInARow":0,"seconds":0.002,"checked":"2023-11-14T22:13:20Z"}]})"
      "\n");
}

}  // namespace
}  // namespace courier
