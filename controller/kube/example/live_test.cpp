// What only a real API server can tell: that it accepts what we send and says what we expect. Needs KUBECONFIG of a cluster
// that may be written to, such as `hack/cluster up --control-plane-only`, and whose API server was restarted since (else it
// has forgotten nothing yet). Run by `hack/test control`, or by `ctest -C ApiServer -L api-server`.
#include <gtest/gtest.h>

#include <thread>

#include "controller/kube/apply.h"
#include "controller/kube/connect.h"
#include "controller/kube/events.h"
#include "controller/kube/informer.h"
#include "controller/kube/leader_election.h"

namespace sluice::kube {
namespace {

struct Map {
  ObjectMeta meta;
  std::string value;
};
Map parse_map(const Json& json) {
  const Json& value = at(json, {"data", "value"});
  return {parse_meta(json), value.is_string() ? value.get<std::string>() : ""};
}

class Live : public testing::Test {
 protected:
  void SetUp() override {
    auto made = connect(ConnectOptions::from_environment(), clock);
    ASSERT_TRUE(made) << to_string(made.error());
    connection = std::move(*made);
    ASSERT_TRUE(api().get_raw("/readyz"));
    remove_all();
  }
  void TearDown() override {
    if (connection.api) remove_all();
  }
  void remove_all() {
    (void)api().remove(resources::kConfigMaps, kMap);
    (void)api().remove(resources::kLeases, kLease);
  }
  HttpApi& api() { return *connection.api; }
  Json map(const std::string& value) const {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"namespace", kMap.ns}, {"name", kMap.name}}},
            {"data", {{"value", value}}}};
  }

  const Name kMap{"default", "sluice-live"};
  const Name kLease{"default", "sluice-live"};
  SystemClock clock;
  Connection connection;
};

TEST_F(Live, WritesFailAsTheirPreconditionsSay) {
  const auto created = api().create(resources::kConfigMaps, map("1"));
  ASSERT_TRUE(created) << to_string(created.error());
  EXPECT_TRUE(api().create(resources::kConfigMaps, map("1")).error().is(Error::Kind::Exists));
  EXPECT_TRUE(api().get(resources::kConfigMaps, {"default", "no-such"}).error().is(Error::Kind::NotFound));
  const std::string version = resource_version_of(*created);
  const auto patched =
      api().patch(resources::kConfigMaps, kMap, PatchType::Json, JsonPatch().test_version(version).replace("/data/value", "2").json());
  ASSERT_TRUE(patched) << to_string(patched.error());
  const auto stale =
      api().patch(resources::kConfigMaps, kMap, PatchType::Json, JsonPatch().test_version(version).replace("/data/value", "3").json());
  EXPECT_TRUE(stale.error().is(Error::Kind::Conflict)) << to_string(stale.error());
  EXPECT_TRUE(api().update(resources::kConfigMaps, *created).error().is(Error::Kind::Conflict));
  const auto invalid =
      api().patch(resources::kConfigMaps, kMap, PatchType::Json, JsonPatch().test_uid(uid_of(*created)).add("/data/bad key", "x").json());
  EXPECT_TRUE(invalid.error().is(Error::Kind::Invalid)) << to_string(invalid.error());
  EXPECT_TRUE(api().remove(resources::kConfigMaps, kMap, {"another-uid", "", "Background"}).error().is(Error::Kind::Conflict));
  EXPECT_TRUE(api().remove(resources::kConfigMaps, kMap, {uid_of(*created), resource_version_of(*patched), "Background"}));
}

TEST_F(Live, ApplyTakesAndGivesUpFields) {
  const auto first = apply(api(), resources::kConfigMaps, map("1"), "one");
  ASSERT_TRUE(first) << to_string(first.error());
  const auto fought = apply(api(), resources::kConfigMaps, map("2"), "two", false);
  EXPECT_TRUE(fought.error().is(Error::Kind::Conflict)) << to_string(fought.error());
  ASSERT_TRUE(apply(api(), resources::kConfigMaps, map("2"), "two", true));
  const auto updated = update_with(api(), resources::kConfigMaps, kMap, [](Json& json) { return json["data"]["more"] = "3", true; });
  ASSERT_TRUE(updated) << to_string(updated.error());
  EXPECT_EQ((*updated)["data"], (Json{{"value", "2"}, {"more", "3"}}));
}

TEST_F(Live, AnInformerFollowsByWatchListAndReadsOurOwnWrites) {
  for (const bool watch_list : {true, false}) {
    (void)api().remove(resources::kConfigMaps, kMap);
    std::vector<Error> errors;
    ReflectorOptions options;
    options.ns = "default";
    options.watch_list = watch_list;
    options.page_size = 1;
    options.on_error = [&](const Error& error) { errors.push_back(error); };
    Informer<Map> maps(api(), resources::kConfigMaps, parse_map, options, clock, [] { return 0.5; });
    {
      std::jthread thread([&](std::stop_token stop) { maps.run(stop); });
      while (!maps.has_synced()) std::this_thread::yield();
      const auto created = api().create(resources::kConfigMaps, map("1"));
      ASSERT_TRUE(created);
      maps.merge(*created);
      ASSERT_TRUE(maps.store().get(kMap));
      EXPECT_TRUE(maps.store().wait_until_seen(resource_version_of(*created), Duration(30'000)));
      EXPECT_TRUE(maps.store().caught_up());
      EXPECT_EQ(maps.store().get(kMap)->value, "1");
    }
    EXPECT_TRUE(errors.empty()) << to_string(errors.front());
  }
}

TEST_F(Live, AnExpiredPositionIsExpired) {
  WatchOptions options;
  options.resource_version = "1";
  options.timeout = Duration(10'000);
  const auto ended = api().watch(resources::kConfigMaps, options, [](const WatchEvent&) { return true; }, {});
  ASSERT_FALSE(ended) << "this API server still knows everything that ever happened";
  EXPECT_TRUE(ended.error().is(Error::Kind::Expired)) << to_string(ended.error());
}

TEST_F(Live, ALeaseIsTakenRenewedAndReleased) {
  LeaderOptions options;
  options.lease = kLease;
  options.identity = "a";
  options.on_error = [](const Error& error) { ADD_FAILURE() << to_string(error); };
  LeaderElector a(api(), options, clock, [] { return 0.5; });
  options.identity = "b";
  LeaderElector b(api(), options, clock, [] { return 0.5; });
  a.step();
  a.step();
  EXPECT_TRUE(a.is_leader());
  b.step();
  EXPECT_FALSE(b.is_leader());
  a.release();
  b.step();
  EXPECT_TRUE(b.is_leader());
}

TEST_F(Live, EventsAndTheirSeriesAreAccepted) {
  EventOptions options;
  options.instance = "live";
  options.series_update = Duration(0);
  EventRecorder recorder(api(), options, clock);
  const std::string note = "live " + format_micro_time(clock.now());
  const EventText text{EventText::Type::Warning, "Tested", "Test", note};
  recorder.record({"v1", "ConfigMap", kMap, ""}, text);
  recorder.flush();
  recorder.record({"v1", "ConfigMap", kMap, ""}, text);
  recorder.flush();
  EXPECT_EQ(recorder.dropped(), 0u);
  const auto listed = api().list(resources::kEvents, {"default", "", "", 2});
  ASSERT_TRUE(listed) << to_string(listed.error());
  int found = 0;
  for (const Json& event : listed->items)
    if (at(event, {"note"}) == Json(note)) {
      ++found;
      EXPECT_EQ(event["series"]["count"], 2);
    }
  EXPECT_EQ(found, 1);
}

}  // namespace
}  // namespace sluice::kube
