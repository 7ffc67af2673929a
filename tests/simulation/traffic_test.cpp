#include "tests/simulation/traffic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/simulation/cluster.h"

namespace sluice::simulation {
namespace {

using namespace kube::resources;
using kube::PatchType;
using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Name kWeb{"shop", "web"};
const Name kCanary{"shop", "web-canary"};

// A running application beside a canary ReplicaSet of two pods with its Service, not yet in the route.
struct Beside {
  explicit Beside(Options options = {}, AppSpec app = {.replicas = 4}) : cluster(options) {
    cluster.deploy_app(app);
    stable = cluster.active_sets("shop", "web").front();
    Json d = *cluster.peek(kDeployments, kWeb);
    Json set{{"metadata", {{"name", "web-canary00"}, {"namespace", "shop"}, {"labels", {{"sluice.dev/rollout", "web"}}}}},
             {"spec", {{"replicas", 2}, {"selector", d["spec"]["selector"]}, {"template", d["spec"]["template"]}}}};
    set["spec"]["selector"]["matchLabels"]["pod-template-hash"] = "canary00";
    set["spec"]["template"]["metadata"]["labels"] = {{"app", "web"}, {"pod-template-hash", "canary00"}};
    set["spec"]["template"]["metadata"]["annotations"]["sim/errors"] = "20%";
    pin(stable.substr(4));
    cluster.advance(Duration(1000));
    created = static_cast<bool>(op().create(kReplicaSets, set));
  }
  kube::Api& op() { return cluster.as("operator"); }
  void pin(const std::string& hash) {
    (void)op().patch(kDeployments, kWeb, PatchType::Merge, {{"spec", {{"paused", true}}}});
    (void)op().patch(
        kServices, kWeb, PatchType::Merge,
        {{"metadata", {{"annotations", {{"sluice.dev/pin", hash}}}}}, {"spec", {{"selector", {{"pod-template-hash", hash}}}}}});
  }
  void canary_service() {
    ASSERT_TRUE(
        op().create(kServices, {{"metadata", {{"name", kCanary.name}, {"namespace", "shop"}, {"labels", {{"sluice.dev/rollout", "web"}}}}},
                                {"spec", {{"selector", {{"pod-template-hash", "canary00"}}}}}}));
    ASSERT_TRUE(cluster.advance_until([&] { return cluster.ready_pods("shop", "web-canary00") == 2; }));
    cluster.advance(Duration(1000));
  }
  void weigh(int stable_weight, int canary_weight, const char* who = "operator") {
    ASSERT_TRUE(cluster.as(who).patch(
        kHttpRoutes, kWeb, PatchType::Json,
        Json::array({{{"op", "replace"},
                      {"path", "/spec/rules/0/backendRefs"},
                      {"value", Json::array({{{"name", "web"}, {"port", 80}, {"weight", stable_weight}},
                                             {{"name", "web-canary"}, {"port", 80}, {"weight", canary_weight}}})}}})));
  }
  double share(const std::string& set) { return cluster.traffic().find(kWeb)->share(set); }
  Cluster cluster;
  std::string stable;
  bool created = false;
};

TEST(DataPlane, FollowsTheRoutesWeightsAfterAMoment) {
  Beside world;
  ASSERT_TRUE(world.created);
  world.canary_service();
  EXPECT_DOUBLE_EQ(world.share(world.stable), 1.0);
  world.weigh(100, 0);
  world.cluster.advance(Duration(1000));
  world.weigh(75, 25);
  EXPECT_DOUBLE_EQ(world.share("web-canary00"), 0.0) << "the data plane has not seen it yet";
  world.cluster.advance(Duration(1000));
  EXPECT_NEAR(world.share("web-canary00"), 0.25, 1e-9);
  EXPECT_NEAR(world.share(world.stable), 0.75, 1e-9);
  const auto route = world.cluster.peek(kHttpRoutes, kWeb);
  EXPECT_EQ(number(at(*route, {"status", "parents"})[0]["conditions"][0], {"observedGeneration"}),
            number(*route, {"metadata", "generation"}));
  EXPECT_THAT(world.cluster.violated(), IsEmpty());
  EXPECT_THAT(world.cluster.losses(), IsEmpty());
}

TEST(DataPlane, ABackendThatJoinsWithWeightLosesRequestsUntilItIsWarm) {
  Beside world;
  world.canary_service();
  world.weigh(75, 25);
  world.cluster.advance(Duration(1000));
  EXPECT_THAT(world.cluster.violated(), Contains(HasSubstr("new to the data plane")));
  ASSERT_EQ(world.cluster.losses().size(), 1U);
  const Loss loss = world.cluster.losses().front();
  EXPECT_NEAR(loss.share, 0.25, 1e-9);
  EXPECT_GT(loss.to, loss.from);
  EXPECT_LE(loss.to - loss.from, Duration(100));
}

TEST(DataPlane, AnEndpointSliceFollowsItsPodsLate) {
  Beside world({.endpoints = {Duration(400), Duration(400)}});
  const std::string pod = [&] {
    std::string name;
    world.cluster.each(kPods, "shop", [&](const Name& n, const JsonPtr& p) {
      if (text(controller_of(*p), {"name"}) == world.stable) name = n.name;
    });
    return name;
  }();
  const auto listed = [&] {
    bool ready = false;
    world.cluster.each(kEndpointSlices, "shop", [&](const Name&, const JsonPtr& slice) {
      for (const auto& e : (*slice)["endpoints"]) ready |= text(e, {"targetRef", "name"}) == pod && flag(e, {"conditions", "ready"});
    });
    return ready;
  };
  ASSERT_TRUE(listed());
  ASSERT_TRUE(world.cluster.remove(kPods, {"shop", pod}));
  world.cluster.advance(Duration(300));
  EXPECT_TRUE(listed());
  world.cluster.advance(Duration(200));
  EXPECT_FALSE(listed());
  EXPECT_FALSE(world.cluster.losses().empty());
  EXPECT_THAT(world.cluster.violated(), IsEmpty()) << "a person deleted the pod";
}

TEST(Invariants, WeightWithoutReadyEndpointsIsSeen) {
  Beside world;
  ASSERT_TRUE(world.op().create(kServices,
                                {{"metadata", {{"name", "web-canary"}, {"namespace", "shop"}, {"labels", {{"sluice.dev/rollout", "web"}}}}},
                                 {"spec", {{"selector", {{"pod-template-hash", "nobody"}}}}}}));
  world.weigh(95, 5);
  EXPECT_THAT(world.cluster.violated(), Contains(HasSubstr("I2")));
}

TEST(Invariants, CanaryPodsThatStopWhileTheyAreSentRequestsAreSeen) {
  Beside world;
  world.canary_service();
  world.weigh(100, 0);
  world.cluster.advance(Duration(1000));
  world.weigh(75, 25);
  world.cluster.advance(Duration(5000));
  ASSERT_THAT(world.cluster.violated(), IsEmpty());
  world.weigh(100, 0);  // ... and no settle
  ASSERT_TRUE(world.op().patch(kReplicaSets, {"shop", "web-canary00"}, PatchType::Merge, {{"spec", {{"replicas", 0}}}}));
  world.cluster.advance(Duration(5000));
  EXPECT_THAT(world.cluster.violated(), Contains(HasSubstr("in flight")));
}

TEST(Invariants, APinOnAScaledDownSetOrAnUnpausedDeploymentIsSeen) {
  Beside world;
  ASSERT_THAT(world.cluster.violated(), IsEmpty());
  ASSERT_TRUE(world.op().patch(kDeployments, kWeb, PatchType::Merge, {{"spec", {{"paused", false}}}}));
  EXPECT_THAT(world.cluster.violated(), Contains(HasSubstr("I12")));

  Beside other;
  other.pin("gone");
  EXPECT_THAT(other.cluster.violated(), Contains(HasSubstr("does not exist")));
  other.cluster.advance(Duration(3000));
  EXPECT_THAT(other.cluster.violated(), Contains(HasSubstr("no ready endpoints"))) << "a full outage";
}

TEST(Invariants, TheOperatorsHandOnTheStableSetIsSeen) {
  Beside world;
  ASSERT_TRUE(world.op().patch(kReplicaSets, {"shop", world.stable}, PatchType::Merge, {{"metadata", {{"labels", {{"x", "y"}}}}}}));
  EXPECT_THAT(world.cluster.violated(), Contains(HasSubstr("I3")));
}

TEST(Invariants, WhatIsLeftOfADeletedRolloutIsSeen) {
  Beside world;
  ASSERT_TRUE(
      world.cluster.create(kRollouts, {{"metadata", {{"name", "web"}, {"namespace", "shop"}, {"finalizers", {"sluice.dev/rollout"}}}},
                                       {"spec", {{"targetRef", {{"name", "web"}}}}}}));
  ASSERT_TRUE(world.cluster.remove(kRollouts, {"shop", "web"}));
  EXPECT_THAT(world.cluster.violated(), IsEmpty()) << "it waits in its finalizer";
  ASSERT_TRUE(world.op().patch(kRollouts, {"shop", "web"}, PatchType::Merge, {{"metadata", {{"finalizers", nullptr}}}}));
  EXPECT_THAT(world.cluster.violated(), Contains(HasSubstr("I9: rollout shop/web is gone, replicaset shop/web-canary00 of it is left")));
  EXPECT_THAT(world.cluster.violated(), Contains(HasSubstr("service shop/web is still pinned")));
}

TEST(RatioMode, RequestsAreSpreadEvenlyOverTheEndpointsOfTheService) {
  Cluster cluster;
  cluster.deploy_app({.replicas = 4, .route = false});
  const auto stable = cluster.active_sets("shop", "web").front();
  EXPECT_NEAR(cluster.traffic().find(kWeb)->share(stable), 1.0, 1e-9);
  ASSERT_TRUE(cluster.edit_template("shop", "web", {{"v", "2"}}));
  ASSERT_TRUE(cluster.advance_until([&] { return cluster.complete("shop", "web"); }));
  cluster.advance(Duration(2000));
  EXPECT_NEAR(cluster.traffic().find(kWeb)->share(cluster.active_sets("shop", "web").front()), 1.0, 1e-9);
}

TEST(Prometheus, CountsFollowTrafficAndTheTemplatesBehaviour) {
  Beside world;
  world.canary_service();
  world.weigh(100, 0);
  world.cluster.advance(Duration(1000));
  world.weigh(75, 25);
  world.cluster.advance(Duration(1000));
  const Time from = world.cluster.now();
  world.cluster.advance(Duration(400'000));
  const auto canary = world.cluster.increments("shop", "web-canary00", from, world.cluster.now());
  const auto stable = world.cluster.increments("shop", world.stable, from, world.cluster.now());
  ASSERT_TRUE(canary && stable);
  // 100 requests/s over 400 s, a quarter to the canary: 10,000 +- 5 standard deviations.
  EXPECT_NEAR(canary->total, 10'000, 500);
  EXPECT_NEAR(stable->total, 30'000, 870);
  EXPECT_NEAR(canary->errors / canary->total, 0.2, 0.02);
  EXPECT_EQ(stable->errors, 0);
  // The same question in two halves has the same answer.
  const Time half = from + Duration(200'000);
  EXPECT_EQ(world.cluster.increments("shop", "web-canary00", from, half)->total +
                world.cluster.increments("shop", "web-canary00", half, world.cluster.now())->total,
            canary->total);
  EXPECT_FALSE(world.cluster.increments("shop", "web-nobody", from, world.cluster.now())->present);
}

TEST(Prometheus, AnOutageIsUnavailableAndANaNWindowIsNaN) {
  Beside world;
  const Time start = world.cluster.now();
  world.cluster.prometheus_down(start + Duration(10'000), start + Duration(20'000));
  world.cluster.prometheus_nan(start + Duration(30'000), start + Duration(40'000));
  const auto ask = [&] { return world.cluster.increments("shop", world.stable, start, start + Duration(10'000)); };
  world.cluster.advance(Duration(15'000));
  ASSERT_FALSE(ask());
  EXPECT_EQ(ask().error().kind, Error::Kind::Unavailable);
  world.cluster.advance(Duration(10'000));
  EXPECT_GT(ask()->total, 0);
  world.cluster.advance(Duration(10'000));
  EXPECT_TRUE(std::isnan(ask()->total));
}

}  // namespace
}  // namespace sluice::simulation
