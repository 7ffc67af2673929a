// People change their mind, or touch what is Sluice's, in the middle of a run or of its way back. Each of these was found by
// a random scenario (script.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/model/marks.h"
#include "controller/model/read.h"
#include "tests/scenarios/stage.h"

namespace sluice::scenarios {
namespace {

using model::Phase;
using ::testing::IsEmpty;
namespace resources = kube::resources;
namespace read = model::read;

const kube::Name kWeb{"shop", "web"};
const kube::Name kCanary{"shop", "web-canary"};

struct ChangedMind : ::testing::Test {
  void SetUp() override {
    stage.cluster().deploy_app({.ns = "shop", .name = "web", .replicas = 4, .requests_per_second = 200});
    first = read::at(*stage.cluster().peek(resources::kDeployments, kWeb), {"spec", "template"});
    stage.apply_rollout();
    ASSERT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Healthy); }, Duration(60'000))) << stage.story();
    stable = serving();
  }
  void edit(const std::map<std::string, std::string>& annotations) {
    ASSERT_TRUE(stage.cluster().edit_template("shop", "web", annotations));
  }
  void edit_back() {
    ASSERT_TRUE(stage.cluster().patch(resources::kDeployments, kWeb, kube::PatchType::Json,
                                      Json::array({{{"op", "replace"}, {"path", "/spec/template"}, {"value", first}}})));
  }
  void reach_weight(int weight) {
    ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == weight; }))
        << stage.story();
  }
  void reach_retreat() {
    ASSERT_TRUE(stage.run_until(
        [&] { return stage.rollout()->status.run && stage.rollout()->status.run->stage == model::Stage::Retreating; }, Duration(60'000)))
        << stage.story();
  }
  void rest() {
    ASSERT_TRUE(stage.run_until([&] { return stage.at_rest(); })) << stage.story();
  }
  std::string serving() { return stage.cluster().active_sets("shop", "web").front(); }

  Stage stage;
  Json first;
  std::string stable;
};

TEST_F(ChangedMind, ABadTemplateThatComesWhileARunIsCancelledIsNotReleasedUnproven) {
  edit({{"version", "2"}});
  reach_weight(10);
  edit_back();
  reach_retreat();
  edit({{"sim/errors", "8%"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.outcome_of(2) != ""; })) << stage.story();
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Cancelled") << stage.story();
  EXPECT_EQ(stage.outcome_of(2), "RolledBack") << stage.story();
  EXPECT_EQ(serving(), stable) << stage.story();
  EXPECT_THAT(stage.violated(), IsEmpty()) << stage.story();
}

TEST_F(ChangedMind, ARolloutDeletedWhileARunIsSupersededLeavesNothingBehind) {
  edit({{"version", "2"}});
  reach_weight(10);
  edit({{"version", "3"}});
  reach_retreat();
  stage.delete_rollout();
  ASSERT_TRUE(stage.run_until([&] { return !stage.rollout(); })) << stage.story();
  EXPECT_EQ(serving(), stable);
  EXPECT_THAT(stage.violated(), IsEmpty()) << stage.story();
}

TEST_F(ChangedMind, ARetreatDoesNotWaitForACanaryServiceThatSomebodyDeleted) {
  edit({{"version", "2"}});
  reach_weight(10);
  stage.act("Abort");
  reach_retreat();
  ASSERT_TRUE(stage.cluster().remove(resources::kServices, kCanary));
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Aborted") << stage.story();
  EXPECT_THAT(stage.violated(), IsEmpty()) << stage.story();
}

TEST_F(ChangedMind, ACanaryServiceDeletedUnderTrafficComesBackWithoutALostRequest) {
  edit({{"version", "2"}});
  reach_weight(50);
  ASSERT_TRUE(stage.cluster().remove(resources::kServices, kCanary));
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_THAT(stage.violated(), IsEmpty()) << stage.story();
}

}  // namespace
}  // namespace sluice::scenarios
