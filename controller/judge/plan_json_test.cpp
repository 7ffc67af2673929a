#include "controller/judge/plan_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::judge {
namespace {

using testing::HasSubstr;

TrialPlan everything() {
  TrialPlan plan;
  plan.alpha = 1.0 / 3;
  plan.baseline = BaselineArm::Fresh;
  plan.fail_ticks = 1;
  plan.tick_seconds = 15;
  plan.slos = {{.name = "errors", .objective = 0.999},
               {.name = "slow", .kind = SloPlan::Kind::Latency, .limit_text = "250ms"},
               {.name = "latency", .kind = SloPlan::Kind::LatencyDistribution, .bounds = {{0.1, 0.5, 1.05, 1.3}, {0.5, 0.02, 1.2, 1.6}}},
               {.name = "memory", .kind = SloPlan::Kind::Gauge, .lower_is_worse = true, .threshold = -0.1},
               {.name = "queue", .kind = SloPlan::Kind::GaugeComparison, .absolute = 1e9, .weight = 0, .scale = 0.7}};
  plan.calibration = {99, 1.25, {{1.8, true, 0.1}, {}, {}, {.usable = false}, {}}, "2026-11-20"};
  return plan;
}

TEST(PlanJson, EveryFieldComesBack) {
  const TrialPlan plan = everything();
  const auto read = plan_from_json(to_json(plan));
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(digest(*read), digest(plan));
  EXPECT_EQ(to_json(*read), to_json(plan));
  EXPECT_EQ(read->alpha, plan.alpha);
  EXPECT_EQ(read->calibration, plan.calibration);
  EXPECT_EQ(read->slos[2].bounds, plan.slos[2].bounds);
  EXPECT_EQ(read->tick_seconds, 15);
}

TEST(PlanJson, WhatIsLeftOutHasItsDefault) {
  const auto read = plan_from_json(R"({"slos": [{"name": "errors"}]})");
  ASSERT_TRUE(read) << to_string(read.error());
  TrialPlan plan;
  plan.slos = {{.name = "errors"}};
  EXPECT_EQ(digest(*read), digest(plan));
}

TEST(PlanJson, WhatCannotBeReadIsNamedWithItsCure) {
  const auto message = [](const char* text) { return plan_from_json(text) ? "accepted" : plan_from_json(text).error().message; };
  EXPECT_THAT(message("nonsense"), HasSubstr("not a JSON object"));
  EXPECT_EQ(message(R"({"slos": [{"name": "errors", "kind": "Eror"}]})"),
            "plan.slos[0].kind: give one of ErrorRate, Latency, LatencyDistribution, Gauge, GaugeComparison");
  EXPECT_EQ(message(R"({"slos": [{"nam": "errors"}]})"), "plan.slos[0].nam: is not known; leave it out or correct its name");
  EXPECT_EQ(message(R"({"slos": [{"name": "errors", "weight": "much"}]})"), "plan.slos[0].weight: give a number");
  EXPECT_EQ(message(R"({"maxTicks": -1, "slos": []})"), "plan.maxTicks: give a whole number from 0 to 2,000,000,000");
  EXPECT_EQ(message(R"({"slos": {}})"), "plan.slos: give a list");
  EXPECT_EQ(message(R"({"calibration": 3, "slos": [{"name": "errors"}]})"), "plan.calibration: give an object");
  EXPECT_THAT(message(R"({"alpha": 0, "slos": [{"name": "errors"}]})"), HasSubstr("falseRollback is 0"));
}

TEST(Plan, TheDigestCoversWhateverIsJudgedByAndNothingElse) {
  const TrialPlan plan = everything();
  const auto changed = [&](auto edit) {
    TrialPlan other = plan;
    edit(other);
    return digest(other) != digest(plan);
  };
  EXPECT_TRUE(changed([](TrialPlan& p) { p.slos[2].bounds[1].theta = 1.3; }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.slos[2].bounds.pop_back(); }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.slos[3].threshold = 0; }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.slos[3].lower_is_worse = false; }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.slos[4].scale = 0; }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.calibration.kappa = 1; }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.calibration.slos[0].phi = 2; }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.calibration.slos[3].usable = true; }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.baseline = BaselineArm::Stable; }));
  EXPECT_TRUE(changed([](TrialPlan& p) { p.fail_ticks = 2; }));
  EXPECT_FALSE(changed([](TrialPlan& p) { p.tick_seconds = 30; }));
  EXPECT_FALSE(changed([](TrialPlan& p) { p.calibration.taken = "yesterday"; }));
}

TEST(Plan, WhatCannotBeJudgedByIsRefusedWithTheFieldAndTheCure) {
  const auto message = [](auto edit) {
    TrialPlan plan = everything();
    edit(plan);
    const auto ok = check(plan);
    return ok ? std::string("accepted") : ok.error().message;
  };
  EXPECT_EQ(message([](TrialPlan&) {}), "accepted");
  EXPECT_THAT(message([](TrialPlan& p) { p.slos[2].bounds.clear(); }), HasSubstr("slo latency: number of latency bounds is 0"));
  EXPECT_THAT(message([](TrialPlan& p) { p.slos[2].bounds.resize(8); }), HasSubstr("1 to 7 can be judged"));
  EXPECT_THAT(message([](TrialPlan& p) { p.slos[2].bounds[1].seconds = 0.1; }), HasSubstr("in ascending order"));
  EXPECT_THAT(message([](TrialPlan& p) { p.slos[2].bounds[1].health_theta = 1.1; }), HasSubstr("healthTheta"));
  EXPECT_THAT(message([](TrialPlan& p) { p.slos[2].objective = 0.9; }), HasSubstr("leave it out"));
  EXPECT_THAT(message([](TrialPlan& p) { p.slos[3].breach_share = 0; }), HasSubstr("breachShare"));
  EXPECT_THAT(message([](TrialPlan& p) { p.slos[4].absolute = -1; }), HasSubstr("in the gauge's unit"));
  EXPECT_THAT(message([](TrialPlan& p) { p.calibration.slos.pop_back(); }), HasSubstr("give one per SLO"));
  EXPECT_THAT(message([](TrialPlan& p) { p.calibration.slos[0].phi = 0.5; }), HasSubstr("phi is 0.5"));
  EXPECT_THAT(message([](TrialPlan& p) { p.fail_ticks = 0; }), HasSubstr("failTicks"));
}

}  // namespace
}  // namespace sluice::judge
