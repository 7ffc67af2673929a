#include "controller/prometheus/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace sluice::prometheus {
namespace {

using testing::HasSubstr;

std::string printed(std::string_view text) {
  const auto selector = parse_selector(text);
  return selector ? to_string(*selector) : selector.error().message;
}

TEST(Selector, IsReadAndPrintedAgain) {
  EXPECT_EQ(printed("up"), "up");
  EXPECT_EQ(printed(" job:errors:total { } "), "job:errors:total");
  EXPECT_EQ(printed("m{a=\"1\",b!='2', c=~`3\\d` ,d!~\"4\",}"), "m{a=\"1\",b!=\"2\",c=~\"3\\\\d\",d!~\"4\"}");
  EXPECT_EQ(printed(R"(m{a="q\"\\\n\t\x41\101é"})"), R"(m{a="q\"\\\n\x09AAé"})");
  EXPECT_EQ(printed(R"(m{a="\u00e9\U0001F600"})"), "m{a=\"é😀\"}");
  EXPECT_EQ(printed("m{a=\"} or up{\"}"), "m{a=\"} or up{\"}") << "braces inside quotes are text";
}

TEST(Selector, WhatIsPrintedReadsBackTheSame) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    Selector s{"metric", {}};
    for (unsigned m = 0; m < random() % 4; ++m) {
      Matcher matcher{"l", static_cast<Matcher::Op>(random() % 4), ""};
      for (unsigned c = 0; c < random() % 12; ++c) matcher.value += static_cast<char>(random() % 256);
      s.matchers.push_back(matcher);
    }
    const auto again = parse_selector(to_string(s));
    ASSERT_TRUE(again) << to_string(s);
    ASSERT_EQ(*again, s);
  }
}

TEST(Selector, WhateverIsNotOneIsRefusedWithThePositionAndTheCure) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "position 1: the selector is empty"},
      {"sum(up)", "position 4: functions and aggregations are not allowed"},
      {"rate(up[5m])", "position 5: functions"},
      {"up[5m]", "position 3: a range such as [5m] is not allowed: remove it"},
      {"up[5m:1m]", "a range"},
      {"up{} offset 5m", "position 6: offset and @"},
      {"up @ 1609746000", "offset and @"},
      {"up + up", "position 4: '+' is not part of a selector"},
      {"up or up", "'o' is not part"},
      {"up{a=\"1\"} # hi", "comments"},
      {"{a=\"1\"}", "position 1: the metric's name is missing"},
      {"1up", "cannot begin with '1'"},
      {"-up", "cannot begin with '-'"},
      {"up{a=1}", "position 6: a matcher's value must be quoted"},
      {"up{a}", "label a has no ="},
      {"up{a==\"1\"}", "must be quoted"},
      {"up{a=\"1}", "position 6: a quoted value does not end"},
      {"up{a=\"1\"", "the closing brace is missing"},
      {"up{a=\"1\" b=\"2\"}", "after a matcher comes a comma"},
      {"up{,}", "cannot begin with ','"},
      {"up{a=~\"\\d\"}", "position 8: unknown escape"},
      {"up{a=\"\\400\"}", "unknown escape"},
      {"up{a=\"\\ud800\"}", "unknown escape"},
      {"up{__name__=\"x\"}", "position 4: the metric's name cannot be matched"},
      {"up{\"a\"=\"1\"}", "quoted label"},
      {"up{a=\"1\"}}", "'}' is not part"},
      {"up{namespace=\"{{namespace}}\"} or x", "is not part"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_FALSE(parse_selector(text)) << text;
    EXPECT_THAT(printed(text), HasSubstr(expected)) << text;
  }
  EXPECT_FALSE(parse_selector("m{a=\"" + std::string(5000, 'x') + "\"}"));
}

TEST(Selector, NoBytesCrashTheParser) {
  std::mt19937 random(2);
  const std::string alphabet = "ab_:{}[]()\"'`\\,=!~ x0189u\n#@";
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (unsigned c = 0; c < random() % 20; ++c) text += alphabet[random() % alphabet.size()];
    if (const auto parsed = parse_selector(text)) { ASSERT_EQ(*parse_selector(to_string(*parsed)), *parsed) << text; }
    (void)parse_matchers(text);
  }
}

TEST(Selector, PlaceholdersAreFilledInEscaped) {
  const auto matchers = parse_matchers("namespace=\"{{namespace}}\",pod=~\"{{replicaSet}}-[a-z0-9]{5}\"");
  ASSERT_TRUE(matchers);
  const auto filled = fill_in(*matchers, {"shop", {"web.v2-7d9"}});
  ASSERT_TRUE(filled);
  EXPECT_EQ(to_string(Selector{"m", *filled}), "m{namespace=\"shop\",pod=~\"web\\\\.v2-7d9-[a-z0-9]{5}\"}");
  // A hostile name stays one value.
  const auto hostile = fill_in(*matchers, {"a\",x=\"y", {"b|.*"}});
  EXPECT_EQ((*hostile)[0].value, "a\",x=\"y");
  EXPECT_EQ((*hostile)[1].value, "b\\|\\.\\*-[a-z0-9]{5}");
  EXPECT_EQ(*parse_selector(to_string(Selector{"m", *hostile})), (Selector{"m", *hostile}));

  EXPECT_EQ((*fill_in(*matchers, {"shop", {"a", "b"}}))[1].value, "(?:a|b)-[a-z0-9]{5}");
  EXPECT_FALSE(fill_in({{"rs", Matcher::Op::Equal, "{{replicaSet}}"}}, {"shop", {"a", "b"}}));
  EXPECT_FALSE(fill_in({{"rs", Matcher::Op::Match, "{{replicaSet}}"}}, {"shop", {}}));
  const auto unknown = fill_in({{"rs", Matcher::Op::Equal, "{{revision}}"}}, {"shop", {"a"}});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("unknown placeholder {{revision}}"));
}

TEST(Selector, TheNamespaceIsAlwaysOurs) {
  const Selector theirs = *parse_selector("m{namespace=\"bank\"}");
  EXPECT_EQ(to_string(confined(theirs, {}, "shop")), "m{namespace=\"bank\",namespace=\"shop\"}");
  const Selector ours = *parse_selector("m{namespace=\"shop\"}");
  EXPECT_EQ(to_string(confined(ours, {{"pod", Matcher::Op::Match, "x.*"}}, "shop")), "m{namespace=\"shop\",pod=~\"x.*\"}");
}

}  // namespace
}  // namespace sluice::prometheus
