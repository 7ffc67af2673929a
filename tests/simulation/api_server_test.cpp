#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulation/cluster.h"
#include "tests/simulation/feed.h"

namespace sluice::simulation {
namespace {

using namespace kube::resources;
using kube::PatchType;
using ::testing::HasSubstr;

Json service(const std::string& name, Json selector = {{"app", "web"}}) {
  return {{"metadata", {{"name", name}, {"namespace", "shop"}}}, {"spec", {{"selector", std::move(selector)}}}};
}
std::string version(const Json& object) { return text(object, {"metadata", "resourceVersion"}); }
Json test_op(const std::string& path, Json value) { return {{"op", "test"}, {"path", path}, {"value", std::move(value)}}; }
Json add_op(const std::string& path, Json value) { return {{"op", "add"}, {"path", path}, {"value", std::move(value)}}; }

TEST(ApiServer, CreateTwiceSaysAlreadyExists) {
  Cluster cluster;
  ASSERT_TRUE(cluster.create(kServices, service("web")));
  const auto again = cluster.create(kServices, service("web"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, Error::Kind::Exists);
  EXPECT_EQ(again.error().http_status, 409);
}

TEST(ApiServer, AnUpdateWithAnOldResourceVersionConflictsAndChangesNothing) {
  Cluster cluster;
  const Json first = *cluster.create(kServices, service("web"));
  Json changed = first;
  changed["spec"]["selector"]["tier"] = "front";
  ASSERT_TRUE(cluster.update(kServices, changed));
  Json stale = first;
  stale["spec"]["selector"]["tier"] = "back";
  const auto refused = cluster.update(kServices, stale);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::Conflict);
  EXPECT_EQ(text(*cluster.peek(kServices, {"shop", "web"}), {"spec", "selector", "tier"}), "front");
}

TEST(ApiServer, AWriteThatChangesNothingLeavesTheVersionAndTheJournalAlone) {
  Cluster cluster;
  const Json first = *cluster.create(kServices, service("web"));
  const auto entries = cluster.journal(kServices).size();
  const auto again = cluster.patch(kServices, {"shop", "web"}, PatchType::Merge, {{"spec", {{"selector", {{"app", "web"}}}}}});
  ASSERT_TRUE(again);
  EXPECT_EQ(version(*again), version(first));
  EXPECT_EQ(cluster.journal(kServices).size(), entries);
}

TEST(JsonPatch, AFailedTestIsAConflictWith422AndAMissingPathIsInvalid) {
  Cluster cluster;
  const Json first = *cluster.create(kServices, service("web"));
  const auto test = cluster.patch(kServices, {"shop", "web"}, PatchType::Json,
                                  Json::array({test_op("/metadata/resourceVersion", "1"), add_op("/spec/selector/x", "y")}));
  ASSERT_FALSE(test);
  EXPECT_EQ(test.error().kind, Error::Kind::Conflict);
  EXPECT_EQ(test.error().http_status, 422);
  const auto missing =
      cluster.patch(kServices, {"shop", "web"}, PatchType::Json, Json::array({{{"op", "remove"}, {"path", "/spec/nope"}}}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Error::Kind::Invalid);
  const auto good = cluster.patch(kServices, {"shop", "web"}, PatchType::Json,
                                  Json::array({test_op("/metadata/resourceVersion", version(first)), add_op("/spec/selector/x", "y")}));
  ASSERT_TRUE(good) << to_string(good.error());
  EXPECT_EQ(text(*good, {"spec", "selector", "x"}), "y");
}

TEST(JsonPatch, AnAnnotationCannotBeAddedWhereThereAreNoneYet) {
  Cluster cluster;
  ASSERT_TRUE(cluster.create(kServices, service("web")));
  const Json add = Json::array({add_op("/metadata/annotations/sluice.dev~1pin", "abc")});
  EXPECT_FALSE(cluster.patch(kServices, {"shop", "web"}, PatchType::Json, add));
  ASSERT_TRUE(cluster.patch(kServices, {"shop", "web"}, PatchType::Merge, {{"metadata", {{"annotations", {{"a", "b"}}}}}}));
  EXPECT_TRUE(cluster.patch(kServices, {"shop", "web"}, PatchType::Json, add));
}

TEST(Subresource, StatusAndSpecAreWrittenApart) {
  Cluster cluster;
  Json rollout{{"metadata", {{"name", "web"}, {"namespace", "shop"}}}, {"spec", {{"paused", false}}}, {"status", {{"phase", "Sneaky"}}}};
  const auto created = cluster.create(kRollouts, rollout);
  ASSERT_TRUE(created);
  EXPECT_FALSE(created->contains("status"));
  kube::WriteOptions status;
  status.subresource = "status";
  const auto written = cluster.patch(kRollouts, {"shop", "web"}, PatchType::Merge,
                                     {{"spec", {{"paused", true}}}, {"status", {{"phase", "Healthy"}}}}, status);
  ASSERT_TRUE(written);
  EXPECT_EQ(text(*written, {"status", "phase"}), "Healthy");
  EXPECT_FALSE(flag(*written, {"spec", "paused"}));
  EXPECT_EQ(number(*written, {"metadata", "generation"}), 1);
  const auto spec =
      cluster.patch(kRollouts, {"shop", "web"}, PatchType::Merge, {{"spec", {{"paused", true}}}, {"status", {{"phase", "No"}}}});
  EXPECT_EQ(text(*spec, {"status", "phase"}), "Healthy");
  EXPECT_EQ(number(*spec, {"metadata", "generation"}), 2);
}

TEST(Finalizers, ADeletedObjectWaitsForItsFinalizers) {
  Cluster cluster;
  Json rollout{{"metadata", {{"name", "web"}, {"namespace", "shop"}, {"finalizers", {"sluice.dev/rollout"}}}}, {"spec", Json::object()}};
  ASSERT_TRUE(cluster.create(kRollouts, rollout));
  ASSERT_TRUE(cluster.remove(kRollouts, {"shop", "web"}));
  ASSERT_TRUE(cluster.peek(kRollouts, {"shop", "web"}));
  EXPECT_TRUE(deleting(*cluster.peek(kRollouts, {"shop", "web"})));
  ASSERT_TRUE(cluster.patch(kRollouts, {"shop", "web"}, PatchType::Merge, {{"metadata", {{"finalizers", nullptr}}}}));
  EXPECT_FALSE(cluster.peek(kRollouts, {"shop", "web"}));
  EXPECT_EQ(cluster.journal(kRollouts).back().type, kube::WatchEvent::Type::Deleted);
}

TEST(GarbageCollection, TheDependentsOfADeletedDeploymentGo) {
  Cluster cluster;
  cluster.deploy_app({});
  ASSERT_TRUE(cluster.remove(kDeployments, {"shop", "web"}));
  cluster.advance(Duration(10'000));
  int left = 0;
  for (const auto* resource : {&kReplicaSets, &kPods}) cluster.each(*resource, "shop", [&](const Name&, const JsonPtr&) { ++left; });
  EXPECT_EQ(left, 0);
}

TEST(Selectors, ListsByLabelsAndName) {
  Cluster cluster;
  for (const char* name : {"a", "b", "c"}) {
    Json object = service(name);
    object["metadata"]["labels"] = {{"tier", name[0] == 'c' ? "back" : "front"}};
    ASSERT_TRUE(cluster.create(kServices, object));
  }
  const auto count = [&](const std::string& labels, const std::string& fields = "") {
    kube::ListOptions options;
    options.ns = "shop";
    options.label_selector = labels;
    options.field_selector = fields;
    return cluster.list(kServices, options)->items.size();
  };
  EXPECT_EQ(count("tier=front"), 2U);
  EXPECT_EQ(count("tier!=front"), 1U);
  EXPECT_EQ(count("tier in (front,back)"), 3U);
  EXPECT_EQ(count("!tier"), 0U);
  EXPECT_EQ(count("tier"), 3U);
  EXPECT_EQ(count("", "metadata.name=b"), 1U);
}

TEST(Watch, DeliversWhatHappenedSinceAndAnObjectThatNoLongerMatchesAsDeleted) {
  Cluster cluster;
  Json a = service("a"), b = service("b");
  a["metadata"]["labels"] = {{"tier", "front"}};
  ASSERT_TRUE(cluster.create(kServices, a));
  const std::string from = std::to_string(cluster.version());
  ASSERT_TRUE(cluster.create(kServices, b));
  const auto merge = [&](const char* name, Json labels) {
    return cluster.patch(kServices, {"shop", name}, PatchType::Merge, {{"metadata", {{"labels", std::move(labels)}}}});
  };
  ASSERT_TRUE(merge("b", {{"tier", "front"}}));
  ASSERT_TRUE(merge("b", {{"x", "y"}}));
  ASSERT_TRUE(merge("b", {{"tier", "back"}}));
  const auto seen = [&](const std::string& labels) {
    std::string story;
    kube::WatchOptions options;
    options.label_selector = labels;
    options.resource_version = from;
    EXPECT_TRUE(cluster.watch(kServices, options,
                              [&](const kube::WatchEvent& e) {
                                story += text(e.object, {"metadata", "name"}) + "AMDB"[static_cast<int>(e.type)] + " ";
                                return true;
                              },
                              {}));
    return story;
  };
  EXPECT_EQ(seen(""), "bA bM bM bM ");
  EXPECT_EQ(seen("tier=front"), "bA bM bD ");
}

TEST(Apply, AFieldThatTheManagerNoLongerNamesGoes) {
  Cluster cluster;
  kube::WriteOptions mine;
  mine.field_manager = "sluice";
  ASSERT_TRUE(cluster.patch(kConfigMaps, {"shop", "c"}, PatchType::Apply, {{"data", {{"a", "1"}, {"b", "2"}}}}, mine));
  ASSERT_TRUE(cluster.patch(kConfigMaps, {"shop", "c"}, PatchType::Merge, {{"data", {{"c", "3"}}}}));
  const auto applied = cluster.patch(kConfigMaps, {"shop", "c"}, PatchType::Apply, {{"data", {{"a", "4"}}}}, mine);
  ASSERT_TRUE(applied);
  EXPECT_EQ((*applied)["data"], Json({{"a", "4"}, {"c", "3"}}));
}

TEST(Faults, ACrashAtTheSecondWriteAnswersCancelledUntilTheOperatorIsRestarted) {
  for (const bool after : {false, true}) {
    Cluster cluster;
    kube::Api& api = cluster.as("operator");
    cluster.inject({.crash_at_write = 2, .crash_after_apply = after});
    ASSERT_TRUE(api.create(kServices, service("one")));
    const auto second = api.create(kServices, service("two"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, Error::Kind::Cancelled);
    EXPECT_EQ(cluster.peek(kServices, {"shop", "two"}) != nullptr, after);
    EXPECT_FALSE(api.get(kServices, {"shop", "one"}));
    cluster.restart_operator();
    EXPECT_TRUE(api.get(kServices, {"shop", "one"}));
    EXPECT_EQ(cluster.writes("operator").size(), 2U);
  }
}

TEST(Faults, ALostAnswerWasAppliedAndA429WasNot) {
  Cluster cluster;
  kube::Api& api = cluster.as("operator");
  cluster.inject({.lost_answer = 1.0});
  EXPECT_EQ(api.create(kServices, service("one")).error().kind, Error::Kind::Unavailable);
  EXPECT_TRUE(cluster.peek(kServices, {"shop", "one"}));
  cluster.inject({.too_many = 1.0});
  const auto refused = api.create(kServices, service("two"));
  EXPECT_EQ(refused.error().http_status, 429);
  EXPECT_EQ(refused.error().retry_after, Duration(1000));
  EXPECT_FALSE(cluster.peek(kServices, {"shop", "two"}));
}

TEST(Feed, DeliversEveryChangeOnceInOrderAndLate) {
  Cluster cluster;
  cluster.deploy_app({});
  Feed feed(cluster, {kDeployments, kPods}, {Duration(100), Duration(3000)}, 5);
  std::map<std::string, std::uint64_t> seen;
  const auto listed = feed.take();
  for (const auto& delivery : listed) seen[delivery.resource->plural] = std::max(seen[delivery.resource->plural], delivery.version);
  ASSERT_TRUE(cluster.edit_template("shop", "web", {{"v", "2"}}));
  std::size_t delivered = 0;
  const std::size_t before = cluster.journal(kPods).size() + cluster.journal(kDeployments).size() - 1;
  while (cluster.now() < Time(Duration(1'800'000'000'000)) + Duration(120'000)) {
    cluster.advance(Duration(50));
    for (const auto& delivery : feed.take()) {
      ++delivered;
      EXPECT_GT(delivery.version, seen[delivery.resource->plural]);
      EXPECT_GE(cluster.now() - delivery.happened, Duration(50));
      seen[delivery.resource->plural] = delivery.version;
    }
  }
  EXPECT_EQ(delivered, cluster.journal(kPods).size() + cluster.journal(kDeployments).size() - before);
}

TEST(Determinism, OneSeedIsOneHistoryAndAnotherSeedIsAnother) {
  const auto history = [](std::uint64_t seed) {
    Cluster cluster({.seed = seed});
    cluster.deploy_app({.replicas = 5});
    (void)cluster.edit_template("shop", "web", {{"v", "2"}});
    cluster.advance(Duration(60'000));
    std::string all;
    for (const auto& change : cluster.journal(kPods)) all += change.object->dump();
    return all;
  };
  EXPECT_EQ(history(3), history(3));
  EXPECT_NE(history(3), history(4));
}

}  // namespace
}  // namespace sluice::simulation
