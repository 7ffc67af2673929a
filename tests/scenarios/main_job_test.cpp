// The main job, told as single stories: what a user does and how it must end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/model/marks.h"
#include "controller/model/read.h"
#include "tests/scenarios/stage.h"

namespace sluice::scenarios {
namespace {

using model::Phase;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace resources = kube::resources;
namespace read = model::read;

const kube::Name kWeb{"shop", "web"};

struct MainJob : ::testing::Test {
  void adopt(const RolloutSpec& spec = {}, int replicas = 4) {
    stage.cluster().deploy_app({.ns = "shop", .name = "web", .replicas = replicas, .route = spec.route, .requests_per_second = 200});
    stage.apply_rollout(spec);
    ASSERT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Healthy); }, Duration(60'000))) << stage.story();
    stable = stage.cluster().active_sets("shop", "web").front();
  }
  void edit(const std::map<std::string, std::string>& annotations) {
    ASSERT_TRUE(stage.cluster().edit_template("shop", "web", annotations));
  }
  void rest() {
    ASSERT_TRUE(stage.run_until([&] { return stage.at_rest(); })) << stage.story();
  }
  void expect_clean() { EXPECT_THAT(stage.violated(), IsEmpty()) << stage.story(); }
  std::string serving() { return stage.cluster().active_sets("shop", "web").front(); }
  bool paused() { return read::boolean(*stage.cluster().peek(resources::kDeployments, kWeb), {"spec", "paused"}); }

  Stage stage;
  std::string stable;
};

TEST_F(MainJob, AGoodReleaseIsPromotedAndItsPodsStay) {
  adopt();
  edit({{"version", "2"}});
  std::string canary;
  ASSERT_TRUE(stage.run_until([&] {
    const auto r = stage.rollout();
    if (r->status.run) canary = r->status.run->canary;
    return r->status.run && r->status.run->weight_observed == 10;
  })) << stage.story();
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_EQ(serving(), canary);
  EXPECT_FALSE(paused());
  EXPECT_TRUE(stage.cluster().complete("shop", "web"));
  expect_clean();
}

TEST_F(MainJob, OnTheWayToTheCanaryNoStatusIsWrittenForItsOwnSake) {
  adopt();
  const std::size_t before = stage.cluster().writes("operator").size();
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.cluster().active_sets("shop", "web").size() == 2; })) << stage.story();
  std::vector<std::string> written;
  const auto& all = stage.cluster().writes("operator");
  for (std::size_t i = before; i < all.size() && (written.empty() || written.back() != "create replicasets"); ++i)
    written.push_back(all[i].verb + " " + all[i].resource.plural);
  EXPECT_THAT(written, ElementsAre("patch rollouts",     // the run, before anything is done
                                   "patch deployments",  // which stays paused until the pins are away
                                   "patch services",     // pinned
                                   "patch rollouts",     // the Deployment's generation, which the mark has raised
                                   "patch rollouts",     // the canary's name, before it exists
                                   "create replicasets"))
      << stage.story();
}

TEST_F(MainJob, ErrorsAreRolledBackAndTheDeploymentStaysHeldOnTheRefusedTemplate) {
  adopt();
  edit({{"sim/errors", "5%"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "RolledBack") << stage.story();
  EXPECT_EQ(serving(), stable);
  EXPECT_TRUE(paused());
  EXPECT_THAT(stage.events(), Contains("SLOBreached"));
  expect_clean();
}

TEST_F(MainJob, SlownessIsRolledBack) {
  adopt();
  edit({{"sim/slow", "30%"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "RolledBack") << stage.story();
  expect_clean();
}

TEST_F(MainJob, ACanaryThatNeverBecomesReadyNeverGetsTraffic) {
  adopt();
  edit({{"sim/ready", "never"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "RolledBack") << stage.story();
  EXPECT_EQ(stage.rollout()->status.history.front().max_weight, 0);
  expect_clean();
}

TEST_F(MainJob, ACrashLoopIsRolledBack) {
  adopt();
  edit({{"sim/ready", "crash"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "RolledBack") << stage.story();
  expect_clean();
}

TEST_F(MainJob, WithoutARouteTheShareComesFromReplicasAndAGoodReleaseIsPromoted) {
  adopt({.route = false});
  edit({{"version", "2"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  expect_clean();
}

TEST_F(MainJob, WithoutARouteABadReleaseIsRolledBack) {
  adopt({.route = false});
  edit({{"sim/errors", "10%"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "RolledBack") << stage.story();
  EXPECT_EQ(serving(), stable);
  expect_clean();
}

TEST_F(MainJob, AnotherEditInMidRunSupersedesAndTheNewestIsPromoted) {
  adopt();
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }));
  edit({{"version", "3"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.outcome_of(1) != ""; })) << stage.story();
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Superseded") << stage.story();
  EXPECT_EQ(stage.outcome_of(2), "Promoted") << stage.story();
  expect_clean();
}

TEST_F(MainJob, GoingBackToTheStableTemplateCancelsTheRun) {
  adopt();
  const Json before = read::at(*stage.cluster().peek(resources::kDeployments, kWeb), {"spec", "template"});
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }));
  ASSERT_TRUE(stage.cluster().patch(resources::kDeployments, kWeb, kube::PatchType::Json,
                                    Json::array({{{"op", "replace"}, {"path", "/spec/template"}, {"value", before}}})));
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Cancelled") << stage.story();
  EXPECT_EQ(serving(), stable);
  EXPECT_FALSE(paused());
  expect_clean();
}

TEST_F(MainJob, UndoToAnOlderRevisionBorrowsItsReplicaSet) {
  adopt();
  edit({{"version", "2"}});
  rest();
  ASSERT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  ASSERT_TRUE(stage.cluster().undo("shop", "web"));
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->borrowed; })) << stage.story();
  rest();
  EXPECT_EQ(stage.outcome_of(2), "Promoted") << stage.story();
  EXPECT_EQ(serving(), stable);
  expect_clean();
}

TEST_F(MainJob, ABorrowedReplicaSetThatFailsGoesBackIntoTheHistory) {
  adopt();
  edit({{"version", "2"}});
  rest();
  ASSERT_TRUE(stage.cluster().undo("shop", "web"));
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }))
      << stage.story();
  stage.act("Abort");
  rest();
  EXPECT_EQ(stage.outcome_of(2), "Aborted") << stage.story();
  const auto old = stage.cluster().peek(resources::kReplicaSets, {"shop", stable});
  ASSERT_TRUE(old);
  EXPECT_EQ(read::integer(*old, {"spec", "replicas"}, -1), 0);
  EXPECT_EQ(read::array(*old, {"metadata", "ownerReferences"}).size(), 1U);
  expect_clean();
}

TEST_F(MainJob, ScalingInMidRunIsFollowedAndLosesNothing) {
  adopt();
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }));
  ASSERT_TRUE(stage.cluster().scale("shop", "web", 8));
  stage.run(Duration(15'000));
  ASSERT_TRUE(stage.cluster().scale("shop", "web", 4));
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  expect_clean();
}

TEST_F(MainJob, DeletingTheRolloutInMidRunLeavesTheBaselineServing) {
  adopt();
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }));
  stage.delete_rollout();
  ASSERT_TRUE(stage.run_until([&] { return !stage.rollout(); })) << stage.story();
  EXPECT_EQ(serving(), stable);
  expect_clean();
}

TEST_F(MainJob, PrometheusStoppedHoldsTheWeightAndComesBack) {
  adopt();
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }));
  const Time from = stage.now();
  stage.cluster().prometheus_down(from, from + Duration(120'000));
  ASSERT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Holding); }, Duration(60'000))) << stage.story();
  EXPECT_EQ(stage.rollout()->status.run->weight_observed, 10);
  stage.run(Duration(30'000));
  EXPECT_THAT(stage.events(), Contains("NoData"));
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_THAT(stage.events(), Contains("MetricsRecovered"));
  expect_clean();
}

TEST_F(MainJob, AbortTakesTheTrafficBackAndRetryTriesTheSameTemplateAgain) {
  adopt();
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }));
  stage.act("Abort", "a1");
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Aborted");
  stage.act("Retry", "a2");
  ASSERT_TRUE(stage.run_until([&] { return stage.outcome_of(2) != ""; })) << stage.story();
  EXPECT_EQ(stage.outcome_of(2), "Promoted") << stage.story();
  rest();
  expect_clean();
}

TEST_F(MainJob, PromoteSkipsTheRest) {
  adopt();
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }));
  stage.act("Promote");
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_LT(stage.rollout()->status.history.front().ended - stage.rollout()->status.history.front().started, Duration(60'000));
  expect_clean();
}

TEST_F(MainJob, AGitOpsReapplyOfTheRouteInMidRunIsRepairedAndNeverRaisesTheCanary) {
  adopt();
  const Json rules = read::at(*stage.cluster().peek(resources::kHttpRoutes, kWeb), {"spec", "rules"});
  edit({{"version", "2"}});
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && stage.rollout()->status.run->weight_observed == 10; }));
  ASSERT_TRUE(stage.cluster().patch(resources::kHttpRoutes, kWeb, kube::PatchType::Merge, {{"spec", {{"rules", rules}}}}));
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_EQ(read::at(*stage.cluster().peek(resources::kHttpRoutes, kWeb), {"spec", "rules"}), rules);
  expect_clean();
}

TEST_F(MainJob, ConvergedMeansZeroWrites) {
  adopt();
  edit({{"version", "2"}});
  rest();
  stage.run(Duration(5'000));
  const std::size_t before = stage.cluster().writes("operator").size();
  stage.run(Duration(600'000));
  EXPECT_EQ(stage.cluster().writes("operator").size(), before) << stage.story();
}

TEST_F(MainJob, TheRollingCapacityLetsTheDeploymentsOwnStrategyFinish) {
  adopt({.spec = {{"promotion", {{"capacity", "Rolling"}}}}});
  edit({{"version", "2"}});
  rest();
  EXPECT_EQ(stage.outcome_of(1), "Promoted") << stage.story();
  EXPECT_TRUE(stage.cluster().complete("shop", "web"));
}

TEST_F(MainJob, AMissingRouteIsInvalidAndHealsByItself) {
  stage.cluster().deploy_app({.ns = "shop", .name = "web", .replicas = 2, .route = false});
  stage.apply_rollout();
  ASSERT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Invalid); }, Duration(20'000))) << stage.story();
  EXPECT_NE(stage.rollout()->status.summary.find("HTTPRoute web does not exist"), std::string::npos);
  ASSERT_TRUE(stage.cluster().create(
      resources::kHttpRoutes, {{"metadata", {{"name", "web"}, {"namespace", "shop"}}},
                               {"spec", {{"rules", Json::array({{{"backendRefs", Json::array({{{"name", "web"}, {"port", 80}}})}}})}}}}));
  EXPECT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Healthy); }, Duration(20'000))) << stage.story();
}

}  // namespace
}  // namespace sluice::scenarios
