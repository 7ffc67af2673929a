#include "tests/simulation/deployment_controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/simulation/cluster.h"

namespace sluice::simulation {
namespace {

using namespace kube::resources;
using kube::PatchType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

long long replicas(const Cluster& cluster, const std::string& set) {
  const auto object = cluster.peek(kReplicaSets, {"shop", set});
  return object ? number(*object, {"spec", "replicas"}) : -1;
}

// A canary ReplicaSet as the protocol makes it: D's template, an own hash, own labels only.
Json canary_of(const Json& d, int size, Json labels) {
  Json set{{"metadata", {{"name", "web-canary00"}, {"namespace", "shop"}, {"labels", std::move(labels)}}},
           {"spec", {{"replicas", size}, {"selector", d["spec"]["selector"]}, {"template", d["spec"]["template"]}}}};
  set["spec"]["selector"]["matchLabels"]["pod-template-hash"] = "canary00";
  set["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = "canary00";
  return set;
}

// D is adopted, its template was edited, and it is paused: as gate leaves it.
struct Held {
  explicit Held(Options options = {}) : cluster(options) {
    cluster.deploy_app({.replicas = 4});
    (void)op().patch(kDeployments, {"shop", "web"}, PatchType::Merge, {{"metadata", {{"annotations", {{"sluice.dev/rollout", "web"}}}}}});
    stable = cluster.active_sets("shop", "web").front();
    (void)cluster.edit_template("shop", "web", {{"v", "2"}});
    cluster.advance(Duration(5000));
  }
  kube::Api& op() { return cluster.as("operator"); }
  Json d() { return *cluster.peek(kDeployments, {"shop", "web"}); }
  Cluster cluster;
  std::string stable;
};

TEST(RollingUpdate, NeverFallsBelowItsAvailabilityAndEndsComplete) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Cluster cluster({.seed = seed});
    cluster.deploy_app({.replicas = 8});
    const auto old = cluster.active_sets("shop", "web").front();
    ASSERT_TRUE(cluster.edit_template("shop", "web", {{"v", "2"}}));
    long long least = 8, most = 0;
    cluster.on_change([&](const Change& change) {
      if (*change.resource != kDeployments) return;
      least = std::min(least, number(*change.object, {"status", "availableReplicas"}));
      most = std::max(most, number(*change.object, {"status", "replicas"}));
    });
    ASSERT_TRUE(cluster.advance_until([&] { return cluster.complete("shop", "web"); }));
    EXPECT_GE(least, 6) << "maxUnavailable 25 % of 8, seed " << seed;
    EXPECT_LE(most, 10) << "maxSurge 25 % of 8";
    EXPECT_GT(most, 8);
    ASSERT_EQ(cluster.active_sets("shop", "web").size(), 1U);
    EXPECT_NE(cluster.active_sets("shop", "web").front(), old);
    EXPECT_EQ(annotation(*cluster.peek(kDeployments, {"shop", "web"}), "deployment.kubernetes.io/revision"), "2");
    EXPECT_THAT(cluster.violated(), IsEmpty()) << "what a plain rolling update loses is excused";
  }
}

TEST(RollingUpdate, LosesRequestsWhenTheApplicationExitsAtOnce) {
  Cluster cluster;
  cluster.deploy_app({.replicas = 4});
  EXPECT_THAT(cluster.losses(), IsEmpty());
  ASSERT_TRUE(cluster.edit_template("shop", "web", {{"v", "2"}}));
  cluster.advance(Duration(60'000));
  EXPECT_FALSE(cluster.losses().empty());
}

TEST(RollingUpdate, StopsAtAReleaseThatNeverGetsReady) {
  Cluster cluster;
  cluster.deploy_app({.replicas = 4});
  ASSERT_TRUE(cluster.edit_template("shop", "web", {{"sim/ready", "never"}}));
  cluster.advance(Duration(700'000));
  const auto d = cluster.peek(kDeployments, {"shop", "web"});
  EXPECT_EQ(number(*d, {"status", "availableReplicas"}), 3);
  EXPECT_THAT(at(*d, {"status", "conditions"}).dump(), HasSubstr("ProgressDeadlineExceeded"));
}

TEST(Recreate, StartsNothingNewBeforeTheOldPodsAreGone) {
  Cluster cluster;
  cluster.deploy_app({.replicas = 3, .deployment_spec = {{"strategy", {{"type", "Recreate"}}}}});
  ASSERT_TRUE(cluster.edit_template("shop", "web", {{"v", "2"}}));
  std::size_t most = 0;
  cluster.on_change([&](const Change& change) {
    if (*change.resource != kPods) return;
    std::size_t pods = 0;
    cluster.each(kPods, "shop", [&](const Name&, const JsonPtr&) { ++pods; });
    most = std::max(most, pods);
  });
  ASSERT_TRUE(cluster.advance_until([&] { return cluster.complete("shop", "web"); }));
  EXPECT_EQ(most, 3U);
}

TEST(History, KeepsTheLimitAndUndoTakesTheOldestEqualSetAgain) {
  Cluster cluster;
  cluster.deploy_app({.replicas = 2, .deployment_spec = {{"revisionHistoryLimit", 2}}});
  const auto first = cluster.active_sets("shop", "web").front();
  for (const char* v : {"2", "3", "4"}) {
    ASSERT_TRUE(cluster.edit_template("shop", "web", {{"v", v}}));
    cluster.advance(Duration(60'000));
  }
  std::size_t sets = 0;
  cluster.each(kReplicaSets, "shop", [&](const Name&, const JsonPtr&) { ++sets; });
  EXPECT_EQ(sets, 3U);
  EXPECT_EQ(replicas(cluster, first), -1);
  ASSERT_TRUE(cluster.undo("shop", "web"));
  ASSERT_TRUE(cluster.advance_until([&] { return cluster.complete("shop", "web"); }));
  const auto d = cluster.peek(kDeployments, {"shop", "web"});
  EXPECT_EQ(text(*d, {"spec", "template", "metadata", "annotations", "v"}), "3");
  EXPECT_EQ(annotation(*d, "deployment.kubernetes.io/revision"), "5");
}

TEST(Paused, ATemplateEditMakesNoNewSetAndScalingReachesTheOnlyActiveOne) {
  Held held;
  EXPECT_THAT(held.cluster.active_sets("shop", "web"), ElementsAre(held.stable));
  ASSERT_TRUE(held.cluster.scale("shop", "web", 6));
  held.cluster.advance(Duration(10'000));
  EXPECT_EQ(replicas(held.cluster, held.stable), 6);
  EXPECT_EQ(held.cluster.ready_pods("shop", held.stable), 6);
  EXPECT_THAT(held.cluster.violated(), IsEmpty());
}

TEST(Paused, AnOwnerlessCanaryWithTheDeploymentsLabelsIsAdoptedAndTheStableSetScaledAway) {
  Held held;
  const Json d = held.d();
  ASSERT_TRUE(held.op().create(kReplicaSets, canary_of(d, 4, d["spec"]["template"]["metadata"]["labels"])));
  held.cluster.advance(Duration(30'000));
  const auto canary = held.cluster.peek(kReplicaSets, {"shop", "web-canary00"});
  EXPECT_EQ(text(controller_of(*canary), {"name"}), "web");
  EXPECT_LT(replicas(held.cluster, held.stable), 4);
  ASSERT_FALSE(held.cluster.violated().empty());
  EXPECT_THAT(held.cluster.violated().front(), HasSubstr("I3"));
}

TEST(Paused, ACanaryWithItsOwnLabelsIsLeftAlone) {
  Held held;
  ASSERT_TRUE(held.op().create(kReplicaSets, canary_of(held.d(), 4, {{"sluice.dev/rollout", "web"}})));
  held.cluster.advance(Duration(30'000));
  EXPECT_TRUE(controller_of(*held.cluster.peek(kReplicaSets, {"shop", "web-canary00"})).is_null());
  EXPECT_EQ(replicas(held.cluster, held.stable), 4);
  EXPECT_EQ(held.cluster.ready_pods("shop", "web-canary00"), 4);
}

// Step 8 of the protocol: the move patch alone; nothing else tells D to let S go.
TEST(Paused, AfterTheMoveTheDeploymentScalesTheStableSetToZeroByItself) {
  Held held;
  const Json d = held.d();
  ASSERT_TRUE(held.op().create(kReplicaSets, canary_of(d, 4, {{"sluice.dev/rollout", "web"}})));
  ASSERT_TRUE(held.cluster.advance_until([&] { return held.cluster.ready_pods("shop", "web-canary00") == 4; }));
  held.cluster.advance(Duration(1000));
  ASSERT_TRUE(held.op().patch(kDeployments, {"shop", "web"}, PatchType::Merge,
                              {{"metadata", {{"annotations", {{"sluice.dev/handover", "web/1"}}}}}}));
  ASSERT_TRUE(held.op().patch(
      kServices, {"shop", "web"}, PatchType::Merge,
      {{"metadata", {{"annotations", {{"sluice.dev/pin", "canary00"}}}}}, {"spec", {{"selector", {{"pod-template-hash", "canary00"}}}}}}));
  held.cluster.advance(Duration(5000));
  Json move = *held.cluster.peek(kReplicaSets, {"shop", "web-canary00"});
  move["metadata"]["labels"] = d["spec"]["template"]["metadata"]["labels"];
  move["metadata"]["labels"]["pod-template-hash"] = "canary00";
  move["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"] = "4";
  move["metadata"]["annotations"]["deployment.kubernetes.io/max-replicas"] = "5";
  move["metadata"]["ownerReferences"] = Json::array({controller_reference(d)});
  const Time moved = held.cluster.now();
  ASSERT_TRUE(held.op().update(kReplicaSets, move));
  ASSERT_TRUE(held.cluster.advance_until([&] { return replicas(held.cluster, held.stable) == 0; }, Duration(5000)));
  EXPECT_LE(held.cluster.now() - moved, Duration(1000));
  EXPECT_TRUE(flag(held.d(), {"spec", "paused"}));
  EXPECT_EQ(replicas(held.cluster, "web-canary00"), 4);
  held.cluster.advance(Duration(10'000));
  EXPECT_THAT(held.cluster.violated(), IsEmpty()) << "requests had left S before its pods stopped";
}

TEST(Paused, WithoutThePinTheMoveLosesRequestsAndThatIsAViolation) {
  Held held;
  const Json d = held.d();
  ASSERT_TRUE(held.op().create(kReplicaSets, canary_of(d, 4, {{"sluice.dev/rollout", "web"}})));
  ASSERT_TRUE(held.cluster.advance_until([&] { return held.cluster.ready_pods("shop", "web-canary00") == 4; }));
  held.cluster.advance(Duration(1000));
  Json move = *held.cluster.peek(kReplicaSets, {"shop", "web-canary00"});
  move["metadata"]["labels"] = d["spec"]["template"]["metadata"]["labels"];
  move["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"] = "4";
  move["metadata"]["ownerReferences"] = Json::array({controller_reference(d)});
  ASSERT_TRUE(held.op().patch(kDeployments, {"shop", "web"}, PatchType::Merge,
                              {{"metadata", {{"annotations", {{"sluice.dev/handover", "web/1"}}}}}}));
  ASSERT_TRUE(held.op().update(kReplicaSets, move));
  held.cluster.advance(Duration(10'000));
  ASSERT_FALSE(held.cluster.violated().empty());
  EXPECT_THAT(held.cluster.violated().front(), HasSubstr("traffic lost"));
}

TEST(Policies, GateHoldsAPersonsEditKeepRefusesToUnpauseAndTheOperatorIsExempt) {
  Held held;
  EXPECT_TRUE(flag(held.d(), {"spec", "paused"}));
  EXPECT_TRUE(has_annotation(held.d(), "sluice.dev/held"));
  const auto unpaused = held.cluster.pause("shop", "web", false);
  ASSERT_FALSE(unpaused);
  EXPECT_EQ(unpaused.error().kind, Error::Kind::Invalid);
  EXPECT_THAT(unpaused.error().message, HasSubstr("Rollout web"));
  // Template edit and removal of the marks in one request.
  ASSERT_TRUE(held.cluster.patch(kDeployments, {"shop", "web"}, PatchType::Merge,
                                 {{"metadata", {{"annotations", nullptr}}},
                                  {"spec", {{"paused", true}, {"template", {{"metadata", {{"annotations", {{"v", "3"}}}}}}}}}}));
  EXPECT_EQ(annotation(held.d(), "sluice.dev/rollout"), "web");
  EXPECT_TRUE(has_annotation(held.d(), "sluice.dev/held"));
  // A mark that only the operator may set.
  ASSERT_TRUE(
      held.cluster.patch(kDeployments, {"shop", "web"}, PatchType::Merge, {{"metadata", {{"annotations", {{"sluice.dev/pinned", "x"}}}}}}));
  EXPECT_FALSE(has_annotation(held.d(), "sluice.dev/pinned"));
  EXPECT_FALSE(held.cluster.undo("shop", "web")) << "kubectl refuses undo on a paused Deployment";
  EXPECT_TRUE(held.op().patch(kDeployments, {"shop", "web"}, PatchType::Merge, {{"spec", {{"paused", false}}}}));
}

TEST(Policies, APinnedServiceStaysPinnedWhateverAToolApplies) {
  Held held;
  ASSERT_TRUE(held.op().patch(
      kServices, {"shop", "web"}, PatchType::Merge,
      {{"metadata", {{"annotations", {{"sluice.dev/pin", "abc"}}}}}, {"spec", {{"selector", {{"pod-template-hash", "abc"}}}}}}));
  Json manifest = *held.cluster.peek(kServices, {"shop", "web"});
  manifest["metadata"].erase("annotations");
  manifest["spec"]["selector"].erase("pod-template-hash");
  ASSERT_TRUE(held.cluster.update(kServices, manifest));
  const auto service = held.cluster.peek(kServices, {"shop", "web"});
  EXPECT_EQ(text(*service, {"spec", "selector", "pod-template-hash"}), "abc");
  EXPECT_EQ(annotation(*service, "sluice.dev/pin"), "abc");
}

TEST(Quota, AReplicaSetThatMayNotCreatePodsSaysSoInTheServersWords) {
  Cluster cluster;
  cluster.deploy_app({.replicas = 3});
  ASSERT_TRUE(
      cluster.create(kResourceQuotas, {{"metadata", {{"name", "pods"}, {"namespace", "shop"}}}, {"spec", {{"hard", {{"pods", "3"}}}}}}));
  ASSERT_TRUE(cluster.scale("shop", "web", 5));
  cluster.advance(Duration(10'000));
  const auto set = cluster.peek(kReplicaSets, {"shop", cluster.active_sets("shop", "web").front()});
  EXPECT_THAT(at(*set, {"status", "conditions"}).dump(), HasSubstr("exceeded quota: pods"));
  EXPECT_EQ(number(*set, {"status", "replicas"}), 3);
  ASSERT_TRUE(cluster.remove(kResourceQuotas, {"shop", "pods"}));
  EXPECT_TRUE(cluster.advance_until([&] { return cluster.complete("shop", "web"); }, Duration(10'000)));
}

}  // namespace
}  // namespace sluice::simulation
