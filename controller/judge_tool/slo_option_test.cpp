#include "controller/judge_tool/slo_option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::judge_tool {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  const auto slo = parse_slo_option(text);
  return slo ? std::string("accepted") : slo.error().message;
}

TEST(SloOption, HasTheDefaultsOfARolloutAndWhatIsWritten) {
  const auto plain = parse_slo_option("errors");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->plan.name, "errors");
  EXPECT_EQ(plain->plan.relative, 0.1);
  EXPECT_FALSE(plain->threshold);
  const auto full = parse_slo_option("slow.api:threshold=250ms,relative=250%,absolute=0.5%,objective=99%,weight=0");
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->plan.kind, judge::SloPlan::Kind::Latency);
  EXPECT_EQ(full->plan.limit_text, "250ms");
  EXPECT_EQ(*full->threshold, Duration(250));
  EXPECT_DOUBLE_EQ(full->plan.relative, 2.5);
  EXPECT_DOUBLE_EQ(full->plan.absolute, 0.005);
  EXPECT_DOUBLE_EQ(*full->plan.objective, 0.99);
  EXPECT_EQ(full->plan.weight, 0);
}

TEST(SloOption, SaysWhatIsWrong) {
  EXPECT_THAT(refusal(""), HasSubstr("is no name of an SLO"));
  EXPECT_THAT(refusal("a b"), HasSubstr("is no name of an SLO"));
  EXPECT_THAT(refusal("e:"), HasSubstr("nothing follows the colon"));
  EXPECT_THAT(refusal("e:relative"), HasSubstr("\"relative\" has no value"));
  EXPECT_THAT(refusal("e:relativ=1%"), HasSubstr("key \"relativ\" is not known"));
  EXPECT_THAT(refusal("e:relative=0.1"), HasSubstr("relative is \"0.1\""));
  EXPECT_THAT(refusal("e:absolute=60%"), HasSubstr("absolute"));
  EXPECT_THAT(refusal("e:objective=100%"), HasSubstr("objective"));
  EXPECT_THAT(refusal("e:threshold=-5s"), HasSubstr("threshold"));
  EXPECT_THAT(refusal("e:threshold=0s"), HasSubstr("threshold is 0s"));
  EXPECT_THAT(refusal("e:slowdown=5%,threshold=1s"), HasSubstr("give two SLOs"));
  EXPECT_THAT(refusal("e:slowdown=0%"), HasSubstr("slowdown is 0%"));
  EXPECT_EQ(refusal("e:slowdown=5%"), "accepted");
  EXPECT_THAT(refusal("e:weight=nan"), HasSubstr("weight"));
  EXPECT_EQ(refusal("e:weight=\x1b[2J").find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace sluice::judge_tool
