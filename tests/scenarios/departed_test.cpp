// Rollouts that are no more: forced away in mid-run, created again, asked for by an action though they never were.
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
constexpr Duration kDay{24LL * 60 * 60 * 1000};

struct Departed : ::testing::Test {
  void begin(bool route) {
    stage.cluster().deploy_app({.ns = "shop", .name = "web", .replicas = 4, .route = route, .requests_per_second = 200});
    stage.apply_rollout({.route = route});
    ASSERT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Healthy); }, Duration(60'000))) << stage.story();
    stable = serving();
  }
  void release() { ASSERT_TRUE(stage.cluster().edit_template("shop", "web", {{"version", "2"}})); }
  void reach(const std::function<bool(const model::Run&)>& condition) {
    ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.run && condition(*stage.rollout()->status.run); })) << stage.story();
  }
  void reach_weight(int weight) {
    reach([weight](const model::Run& run) { return run.weight_observed == weight; });
  }
  void force_away() {
    stage.delete_rollout();
    ASSERT_TRUE(stage.cluster().patch(resources::kRollouts, kWeb, kube::PatchType::Merge, {{"metadata", {{"finalizers", nullptr}}}}));
    ASSERT_FALSE(stage.rollout());
  }
  void nothing_is_left() {
    ASSERT_TRUE(stage.run_until([&] { return stage.leftovers().empty(); }, Duration(120'000))) << stage.story();
    stage.run(Duration(5'000));
    EXPECT_THAT(stage.violated(), IsEmpty()) << stage.story();
  }
  std::string serving() { return stage.cluster().active_sets("shop", "web").front(); }
  Json action(const std::string& name) {
    const auto found = stage.cluster().peek(resources::kRolloutActions, {"shop", name});
    return found ? *found : Json();
  }

  Stage stage;
  std::string stable;
};

TEST_F(Departed, ForcedAwayUnderTrafficItsRemainsGoWithoutALostRequest) {
  begin(true);
  release();
  reach_weight(50);
  force_away();
  nothing_is_left();
  EXPECT_EQ(serving(), stable) << stage.story();
}

TEST_F(Departed, ForcedAwayInRatioModeItsRemainsGoWithoutALostRequest) {
  begin(false);
  release();
  reach_weight(50);
  force_away();
  nothing_is_left();
  EXPECT_EQ(serving(), stable) << stage.story();
}

TEST_F(Departed, ForcedAwayAfterTheServicesMovedTheBaselineServesAgain) {
  begin(true);
  release();
  reach([](const model::Run& run) { return run.stage == model::Stage::Draining; });
  force_away();
  nothing_is_left();
  EXPECT_EQ(serving(), stable) << stage.story();
}

TEST_F(Departed, ForcedAwayAndCreatedAgainTheNewOneWaitsForPeopleToDecideOnTheUnprovenTemplate) {
  begin(true);
  release();
  reach_weight(10);
  force_away();
  stage.apply_rollout();
  ASSERT_TRUE(stage.run_until([&] { return stage.rollout()->status.next_action.starts_with("run: kubectl rollout resume"); }))
      << stage.story();
  EXPECT_EQ(serving(), stable);
  EXPECT_THAT(stage.leftovers(), IsEmpty()) << stage.story();
  ASSERT_TRUE(stage.cluster().patch(resources::kDeployments, kWeb, kube::PatchType::Merge, {{"spec", {{"paused", false}}}}));
  ASSERT_TRUE(stage.run_until([&] { return stage.phase_is(Phase::Healthy); })) << stage.story();
  EXPECT_THAT(stage.violated(), IsEmpty()) << stage.story();
}

TEST_F(Departed, AnActionForARolloutThatDoesNotExistIsRefused) {
  begin(true);
  Json spec{{"rollout", "wbe"}, {"action", "Abort"}};
  ASSERT_TRUE(stage.cluster().create(resources::kRolloutActions, {{"apiVersion", "sluice.dev/v1alpha1"},
                                                                  {"kind", "RolloutAction"},
                                                                  {"metadata", {{"name", "typo"}, {"namespace", "shop"}}},
                                                                  {"spec", spec}}));
  stage.run(Duration(2'000));
  EXPECT_EQ(read::text(action("typo"), {"status", "phase"}), "Refused");
  EXPECT_EQ(read::text(action("typo"), {"status", "message"}), "refused: there is no Rollout wbe in namespace shop");
}

TEST_F(Departed, AnActionIsDeletedADayAfterItWasAnswered) {
  begin(true);
  stage.act("Abort");
  stage.run(Duration(2'000));
  ASSERT_EQ(read::text(action("act"), {"status", "phase"}), "Refused");
  (void)stage.run_until([] { return false; }, kDay - Duration(60'000), Duration(60'000));
  EXPECT_FALSE(action("act").is_null());
  (void)stage.run_until([] { return false; }, Duration(120'000), Duration(60'000));
  EXPECT_TRUE(action("act").is_null());
}

}  // namespace
}  // namespace sluice::scenarios
