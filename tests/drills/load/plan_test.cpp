#include "tests/drills/load/plan.h"

#include <gtest/gtest.h>

namespace courier::drills {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

json good() {
  return {{"name", "key"},       {"begin", 12.5},    {"rate", 400},     {"seconds", 80}, {"writes", 0.2},
          {"reads", "messages"}, {"deadline", 1000}, {"tries", 2},      {"repeats", 0},  {"token", ""},
          {"elsewhere", 0.5},    {"budgeted", true}, {"requests", "/x"}};
}

TEST(DrillPlan, IsReadFromWhatTheRunnerSays) {
  const auto plan = parse_plan(good());
  ASSERT_TRUE(plan) << to_string(plan.error());
  EXPECT_EQ(plan->begin.time_since_epoch(), 12'500ms);
  EXPECT_EQ(plan->length, 80s);
  EXPECT_EQ(plan->deadline, 1s);
  EXPECT_TRUE(plan->reads_messages);
  EXPECT_EQ(plan->elsewhere_url, "");
}

TEST(DrillPlan, NamesWhatIsMissingOrWrong) {
  const std::vector<std::pair<const char*, json>> wrong{{"rate", 0},     {"rate", "fast"}, {"seconds", -1},
                                                        {"writes", 1.5}, {"tries", 0},     {"deadline", 0}};
  for (const auto& [key, value] : wrong) {
    json text = good();
    text[key] = value;
    EXPECT_FALSE(parse_plan(text)) << key;
  }
  json text = good();
  text.erase("budgeted");
  EXPECT_NE(parse_plan(text).error().message.find("budgeted"), std::string::npos);
}

}  // namespace
}  // namespace courier::drills
