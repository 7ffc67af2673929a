#include "tests/drills/load/lines.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace courier::drills {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TEST(DrillLines, AHistoryLineIsWhatTheRuleReads) {
  EXPECT_EQ(history_line(1'250'040us, "ok", "key-3", "id", "m3"),
            "{\"t\": 1.2500, \"type\": \"ok\", \"key\": \"key-3\", \"id\": \"m3\"}\n");
  EXPECT_EQ(history_line(0s, "invoke", "key-3"), "{\"t\": 0.0000, \"type\": \"invoke\", \"key\": \"key-3\"}\n");
}

TEST(DrillLines, WhateverAKeyHasItStaysOneObjectOnOneLine) {
  const std::string line = history_line(0s, "effect", "a\"\n\\\xff", "id", "m");
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(json::parse(line)["key"], "a\"\n\\\xef\xbf\xbd");
}

TEST(DrillLines, ARequestHasTheFieldsThatGatesRead) {
  EXPECT_EQ(request_line({.sent = 1'500us, .took = 250us, .ok = true, .why = "200"}),
            "{\"sent\": 0.001500, \"seconds\": 0.000250, \"kind\": \"read\", \"ok\": true}\n");
  const json bad = json::parse(request_line({.kind = Kind::Repeat,
                                             .why = "503",
                                             .retried = true,
                                             .late = true,
                                             .shed = true,
                                             .conflict = true,
                                             .unauthorized = true,
                                             .open_end = true}));
  EXPECT_EQ(bad, (json{{"sent", 0.0},
                       {"seconds", 0.0},
                       {"kind", "repeat"},
                       {"ok", false},
                       {"why", "503"},
                       {"retried", true},
                       {"late", true},
                       {"shed", true},
                       {"conflict", true},
                       {"unauthorized", true}}));
}

TEST(DrillLines, AFileIsAppendedToAndHasAllAtItsEnd) {
  const std::string path = ::testing::TempDir() + "drill_lines_" + std::to_string(::getpid());
  for (const char* line : {"one\n", "two\n"}) {
    auto file = LineFile::open(path);
    ASSERT_TRUE(file) << to_string(file.error());
    file->add(line);
  }
  std::ifstream read(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(read), {}), "one\ntwo\n");
  EXPECT_EQ(LineFile::open(path + "/none").error().kind, sluice::Error::Kind::Unavailable);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace courier::drills
