#include "common/telemetry/log.h"

#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::log {
namespace {

class Log : public ::testing::Test {
 protected:
  void use(Format format, Level level = Level::Info) {
    set_up({.format = format, .level = level, .write = [this](std::string_view line) { lines.emplace_back(line); }});
  }
  void TearDown() override { set_up({}); }
  std::vector<std::string> lines;
};

TEST_F(Log, AJsonRecordIsOneLineWithTimeLevelMessageAndTypedFields) {
  use(Format::Json);
  info("rollout advanced", {{"rollout", "shop/web"}, {"step", 2}, {"weight", 0.25}, {"done", false}, {"took", Duration(1500)}});
  ASSERT_EQ(lines.size(), 1U);
  const auto record = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(record["level"], "info");
  EXPECT_EQ(record["message"], "rollout advanced");
  EXPECT_EQ(record["rollout"], "shop/web");
  EXPECT_EQ(record["step"], 2);
  EXPECT_EQ(record["weight"], 0.25);
  EXPECT_EQ(record["done"], false);
  EXPECT_EQ(record["took"], 1.5);
  EXPECT_TRUE(parse_time(record["time"].get<std::string>()));
  EXPECT_TRUE(lines[0].starts_with("{\"time\":")) << lines[0];
}

TEST_F(Log, HostileTextStaysOneValidLine) {
  use(Format::Json);
  warn("odd", {{"text", "a\nb\"c\xff{}%s"}, {"level", "mine"}});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].find('\n'), std::string::npos);
  const auto record = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(record["level"], "warn");
  EXPECT_EQ(record["field_level"], "mine");
}

TEST_F(Log, BracesInAMessageAreNotAFormat) {
  use(Format::Console);
  error("{} {0} %n", {{"a", "b c"}, {"n", 1}});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].ends_with("error {} {0} %n a=\"b c\" n=1")) << lines[0];
}

TEST_F(Log, LowerLevelsAreLeftOut) {
  use(Format::Json, Level::Warn);
  info("no");
  warn("yes");
  EXPECT_EQ(lines.size(), 1U);
  EXPECT_FALSE(enabled(Level::Info));
}

TEST(LogOptions, WordsAreParsedAndOthersNamed) {
  EXPECT_EQ(*parse_level("warn"), Level::Warn);
  EXPECT_EQ(*parse_format("console"), Format::Console);
  EXPECT_NE(parse_level("loud").error().message.find("loud"), std::string::npos);
  EXPECT_NE(parse_format("xml").error().message.find("xml"), std::string::npos);
}

}  // namespace
}  // namespace sluice::log
