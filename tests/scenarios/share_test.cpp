// Traffic that does not follow the weight: told, never a failure, and with a gateway no promotion without a person.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scenarios/stage.h"

namespace sluice::scenarios {
namespace {

using model::Phase;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Share : ::testing::Test {
  void adopt(const RolloutSpec& spec = {}) {
    stage.cluster().deploy_app({.ns = "shop", .name = "web", .replicas = 4, .route = spec.route, .requests_per_second = 200});
    stage.apply_rollout(spec);
    ASSERT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Healthy); }, Duration(60'000))) << stage.story();
  }
  void edit(const std::map<std::string, std::string>& annotations) {
    ASSERT_TRUE(stage.cluster().edit_template("shop", "web", annotations));
  }
  void rest() {
    ASSERT_TRUE(stage.run_until([&] { return stage.at_rest(); })) << stage.story();
  }
  model::Condition condition(const std::string& type) {
    const auto r = stage.rollout();
    const model::Condition* found = r ? r->status.condition(type) : nullptr;
    return found == nullptr ? model::Condition{} : *found;
  }
  void hold() {
    ASSERT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Holding) && condition("Ready").reason == "ShareMismatch"; }))
        << stage.story();
  }

  Stage stage;
};

TEST_F(Share, CallersPastTheGatewayHoldThePromotionUntilAPersonDecides) {
  adopt();
  stage.callers_past_the_gateway(200);
  edit({{"version", "2"}});
  hold();
  EXPECT_THAT(stage.events(), Contains("ShareMismatch").Times(1));
  EXPECT_EQ(condition("TrafficSynced").status, "False");
  EXPECT_THAT(condition("TrafficSynced").message, HasSubstr("where its weight is 50%"));
  EXPECT_EQ(condition("Stalled").status, "True");
  EXPECT_THAT(stage.rollout()->status.summary, HasSubstr("callers that go round the gateway to the stable pods"));
  EXPECT_THAT(stage.rollout()->status.next_action, HasSubstr("analysis.onShareMismatch"));
  stage.run(Duration(300'000));
  EXPECT_EQ(stage.outcome_of(1), "") << "it waits";
  EXPECT_EQ(stage.rollout()->status.run->weight_observed, 50);
  stage.act("Promote");
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_THAT(stage.violated(), IsEmpty()) << stage.story();
}

TEST_F(Share, OnceTheTrafficFollowsTheWeightAgainTheRunGoesOnByItself) {
  adopt();
  stage.callers_past_the_gateway(200);
  edit({{"version", "2"}});
  hold();
  stage.callers_past_the_gateway(0);
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_THAT(stage.events(), Contains("ShareFits").Times(1));
}

TEST_F(Share, AnAcceptedMismatchIsOnlyTold) {
  adopt({.spec = {{"analysis", {{"onShareMismatch", "Report"}}}}});
  stage.callers_past_the_gateway(200);
  edit({{"version", "2"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_THAT(stage.events(), Contains("ShareMismatch").Times(1));
}

TEST_F(Share, WithoutARouteItIsOnlyToldForConnectionsAreSpreadUnevenly) {
  adopt({.route = false});
  stage.callers_past_the_gateway(400);
  edit({{"version", "2"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_THAT(stage.events(), Contains("ShareMismatch"));
}

TEST_F(Share, ABadCanaryIsRolledBackAllTheSame) {
  adopt();
  stage.callers_past_the_gateway(200);
  edit({{"sim/errors", "2%"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "RolledBack") << stage.story();
}

TEST_F(Share, TrafficThatFollowsTheWeightIsNeverAccused) {
  adopt();
  edit({{"version", "2"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_THAT(stage.events(), Not(Contains("ShareMismatch")));
}

TEST_F(Share, ARestartedOperatorKnowsItStill) {
  adopt();
  stage.callers_past_the_gateway(200);
  edit({{"version", "2"}});
  hold();
  const auto before = stage.rollout()->status.run;
  stage.lose_lease_at(1);
  stage.run(Duration(60'000));
  EXPECT_EQ(stage.crashes(), 1);
  EXPECT_EQ(condition("Ready").reason, "ShareMismatch") << stage.story();
  EXPECT_THAT(stage.events(), Contains("ShareMismatch").Times(1)) << "told once";
  EXPECT_NE(stage.rollout()->status.run->share, before->share) << "it goes on looking";
}

}  // namespace
}  // namespace sluice::scenarios
