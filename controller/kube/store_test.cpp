#include "controller/kube/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "controller/kube/scripted_for_test.h"

namespace sluice::kube {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Json with_value(const std::string& name, const std::string& version, const std::string& value) {
  return object(name, version, "", {{"data", {{"value", value}}}});
}

std::string value(const Store<Thing>& store, const std::string& name) {
  const auto thing = store.get({"shop", name});
  return thing ? thing->value : "(none)";
}

void list(Store<Thing>& store, const std::vector<Json>& objects, const std::string& version) {
  store.begin();
  for (const Json& json : objects) store.add(json);
  store.commit(version);
}

std::vector<std::string> names(const std::vector<std::shared_ptr<const Thing>>& things) {
  std::vector<std::string> out;
  for (const auto& thing : things) out.push_back(thing->meta.name);
  return out;
}

TEST(Store, AWriteIsReadBackBeforeTheWatchBringsIt) {
  Store<Thing> store(parse_thing);
  list(store, {with_value("a", "1", "old")}, "10");
  EXPECT_TRUE(store.caught_up());
  ASSERT_TRUE(store.merge(with_value("a", "12", "ours")));
  EXPECT_EQ(value(store, "a"), "ours");
  EXPECT_FALSE(store.has_seen("12"));
  EXPECT_FALSE(store.caught_up());
  EXPECT_THAT(store.apply(modified(with_value("a", "12", "ours"))), IsEmpty()) << "nothing new for readers";
  EXPECT_TRUE(store.has_seen("12"));
  EXPECT_TRUE(store.caught_up());
}

TEST(Store, AStaleEventDoesNotOverwriteANewerMergedObject) {
  Store<Thing> store(parse_thing);
  list(store, {with_value("a", "1", "old")}, "10");
  store.merge(with_value("a", "12", "ours"));
  store.apply(modified(with_value("a", "11", "stale")));
  EXPECT_EQ(value(store, "a"), "ours");
  store.apply(modified(with_value("a", "13", "theirs")));
  EXPECT_EQ(value(store, "a"), "theirs");
}

TEST(Store, TheLateResultOfAWriteDoesNotHideWhatTheWatchBroughtSince) {
  Store<Thing> store(parse_thing);
  list(store, {with_value("a", "1", "old")}, "10");
  store.apply(modified(with_value("a", "13", "theirs")));
  EXPECT_FALSE(store.merge(with_value("a", "12", "ours")));
  EXPECT_EQ(value(store, "a"), "theirs");
}

TEST(Store, AMergedObjectSurvivesAListThatIsOlderThanIt) {
  Store<Thing> store(parse_thing);
  list(store, {}, "10");
  store.merge(with_value("created", "15", "ours"));
  list(store, {with_value("b", "11", "")}, "12");
  EXPECT_THAT(names(store.all()), ElementsAre("b", "created"));
  list(store, {with_value("b", "11", "")}, "16");
  EXPECT_THAT(names(store.all()), ElementsAre("b")) << "a list that is newer than it knows better";
}

TEST(Store, ADeletedObjectDoesNotComeBackByTheLateResultOfAWrite) {
  Store<Thing> store(parse_thing);
  list(store, {with_value("a", "1", "old")}, "10");
  store.apply(deleted(with_value("a", "14", "")));
  EXPECT_FALSE(store.merge(with_value("a", "12", "ours")));
  EXPECT_EQ(store.size(), 0u);
  // One with the same name but another uid is another object.
  store.apply(added(object("a", "15", "another-uid")));
  EXPECT_EQ(store.size(), 1u);
}

TEST(Store, TheDeletionOfAnEarlierObjectOfTheSameNameDoesNotTakeTheNewOne) {
  Store<Thing> store(parse_thing);
  list(store, {object("a", "1", "first")}, "10");
  store.merge(object("a", "13", "second"));
  EXPECT_THAT(store.apply(deleted(object("a", "12", "first"))), IsEmpty());
  EXPECT_EQ(store.get({"shop", "a"})->meta.uid, "second");
}

TEST(Store, AnObjectThatLeftTheSelectorMayComeBack) {
  Store<Thing> store(parse_thing);
  list(store, {with_value("a", "1", "")}, "10");
  store.apply(deleted(with_value("a", "11", "")));
  EXPECT_EQ(store.size(), 0u);
  store.apply(added(with_value("a", "12", "back")));
  EXPECT_EQ(value(store, "a"), "back");
}

TEST(Store, AMergedObjectThatTheWatchPassesByWithoutAWordIsOutsideOfItsSelectorAndLeaves) {
  Store<Thing> store(parse_thing);
  list(store, {}, "10");
  store.merge(with_value("foreign", "12", ""));
  EXPECT_THAT(store.apply(bookmark("11")), IsEmpty());
  EXPECT_EQ(store.size(), 1u);
  const auto changes = store.apply(bookmark("13"));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_FALSE(changes[0].after);
  EXPECT_EQ(store.size(), 0u);
  EXPECT_TRUE(store.caught_up());
}

TEST(Store, VersionsWithoutOrderFallBackToWaitingForTheirOwnEvent) {
  Store<Thing> store(parse_thing);
  list(store, {with_value("a", "v-x", "old")}, "v-list");
  store.merge(with_value("a", "v-ours", "ours"));
  EXPECT_FALSE(store.has_seen("v-ours"));
  store.apply(modified(with_value("a", "v-stale", "stale")));
  EXPECT_EQ(value(store, "a"), "ours");
  store.apply(modified(with_value("a", "v-ours", "ours")));
  EXPECT_TRUE(store.has_seen("v-ours"));
  store.apply(modified(with_value("a", "v-later", "later")));
  EXPECT_EQ(value(store, "a"), "later");
}

TEST(Store, WithoutAnOrderADeletedObjectDoesNotComeBackByTheLateResultOfAWriteEither) {
  Store<Thing> store(parse_thing);
  list(store, {with_value("a", "v-x", "old")}, "v-list");
  store.apply(deleted(with_value("a", "v-gone", "")));
  EXPECT_FALSE(store.merge(with_value("a", "v-ours", "ours")));
  EXPECT_EQ(store.size(), 0u);
}

TEST(Store, WhatAListNoLongerHoldsIsReportedAsDeleted) {
  Store<Thing> store(parse_thing);
  list(store, {with_value("a", "1", ""), with_value("b", "2", "")}, "10");
  store.begin();
  store.add(with_value("b", "2", ""));
  const auto changes = store.commit("20");
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].key().name, "a");
  EXPECT_FALSE(changes[0].after);
}

TEST(Store, AListWithoutOrderKnowsBetterThanWhatWasMerged) {
  Store<Thing> store(parse_thing);
  list(store, {}, "v-list");
  store.merge(with_value("a", "v-ours", "ours"));
  list(store, {with_value("a", "v-other", "other")}, "v-list2");
  EXPECT_EQ(value(store, "a"), "other");
  EXPECT_TRUE(store.caught_up());
}

TEST(Store, IndexesFollowEveryChange) {
  Store<Thing> store(parse_thing);
  store.index_label("app");
  store.index("value", [](const Thing& thing) { return std::vector<std::string>{thing.value}; });
  const auto make = [](const std::string& name, const std::string& version, const std::string& app, const std::string& owner) {
    return object(name, version, "",
                  {{"data", {{"value", "v" + version}}},
                   {"metadata", {{"labels", {{"app", app}}}, {"ownerReferences", {{{"controller", true}, {"uid", owner}}}}}}});
  };
  list(store, {make("a", "1", "web", "o1"), make("b", "2", "web", "o2"), object("bare", "3")}, "10");
  EXPECT_THAT(names(store.by_label("app", "web")), ElementsAre("a", "b"));
  EXPECT_THAT(names(store.by_owner("o1")), ElementsAre("a"));
  EXPECT_THAT(names(store.by_index("value", "v2")), ElementsAre("b"));
  store.apply(modified(make("a", "11", "api", "o2")));
  EXPECT_THAT(names(store.by_label("app", "web")), ElementsAre("b"));
  EXPECT_THAT(names(store.by_owner("o1")), IsEmpty());
  EXPECT_THAT(names(store.by_owner("o2")), ElementsAre("a", "b"));
  store.apply(deleted(make("b", "12", "web", "o2")));
  EXPECT_THAT(names(store.by_label("app", "web")), IsEmpty());
  EXPECT_THAT(names(store.by_owner("o2")), ElementsAre("a"));
  EXPECT_THAT(store.by_index("undeclared", "x"), IsEmpty());
}

TEST(Store, AProjectionThatThrowsSkipsTheObject) {
  Store<Thing> store([](const Json& json) { return Thing{parse_meta(json), json.at("data").at("value").get<std::string>()}; });
  list(store, {object("bad", "1"), with_value("good", "2", "x")}, "10");
  EXPECT_THAT(names(store.all()), ElementsAre("good"));
  EXPECT_EQ(store.malformed(), 1u);
}

// What a server does: one counter, every write an event; we see events late and write results in between, and lists now and
// then. Whatever the order, once the watch has caught up the store is the server's state, and it never steps back.
TEST(Store, RandomOrdersOfEventsListsAndOwnWritesEndInTheServersState) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const auto roll = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    Store<Thing> store(parse_thing);
    std::map<std::string, Json> server;
    std::vector<WatchEvent> log;
    std::vector<Json> results;  // of own writes, not merged yet
    std::size_t seen = 0;
    int version = 1, uid = 0;
    list(store, {}, "1");
    for (int i = 0; i < 200; ++i) {
      const std::string name(1, static_cast<char>('a' + roll(4)));
      switch (roll(6)) {
        case 0:
        case 1: {  // somebody, maybe we, writes
          const bool fresh = !server.contains(name);
          Json json = object(name, std::to_string(++version),
                             fresh ? "u" + std::to_string(++uid) : server[name]["metadata"]["uid"].get<std::string>());
          server[name] = json;
          log.push_back({fresh ? WatchEvent::Type::Added : WatchEvent::Type::Modified, json});
          if (roll(2) == 0) results.push_back(json);
          break;
        }
        case 2:
          if (server.contains(name)) {
            Json json = server[name];
            json["metadata"]["resourceVersion"] = std::to_string(++version);
            server.erase(name);
            log.push_back({WatchEvent::Type::Deleted, json});
          }
          break;
        case 3:
          if (!results.empty()) {
            const auto at = results.begin() + roll(static_cast<int>(results.size()));
            const auto before = store.get(name_of(*at));
            store.merge(*at);
            const auto after = store.get(name_of(*at));
            if (before) {
              ASSERT_TRUE(after) << seed;
              EXPECT_FALSE(newer(before->meta.resource_version, after->meta.resource_version).value()) << seed;
            }
            results.erase(at);
          }
          break;
        case 4:
          if (seen < log.size()) store.apply(log[seen++]);
          break;
        case 5:
          if (roll(10) == 0) {
            store.begin();
            for (const auto& [key, json] : server) store.add(json);
            store.commit(std::to_string(version));
            seen = log.size();
          }
          break;
      }
    }
    while (seen < log.size()) store.apply(log[seen++]);
    for (const Json& late : results) store.merge(late);
    store.apply(bookmark(std::to_string(version + 1)));
    EXPECT_TRUE(store.caught_up());
    std::map<std::string, std::string> expected, actual;
    for (const auto& [name, json] : server) expected[name] = resource_version_of(json);
    for (const auto& thing : store.all()) actual[thing->meta.name] = thing->meta.resource_version;
    ASSERT_EQ(actual, expected) << "seed " << seed;
  }
}

TEST(Store, ReadersNeverSeeHalfOfAList) {
  Store<Thing> store(parse_thing);
  const auto generation = [&](int g) {
    std::vector<Json> objects;
    for (int i = 0; i < 50; ++i) objects.push_back(with_value("n" + std::to_string(i), std::to_string(g * 100 + i), std::to_string(g)));
    list(store, objects, std::to_string(g * 100 + 99));
  };
  generation(1);
  std::jthread writer([&] {
    for (int g = 2; g < 60; ++g) generation(g);
  });
  for (int i = 0; i < 300; ++i) {
    const auto all = store.all();
    ASSERT_EQ(all.size(), 50u);
    for (const auto& thing : all) ASSERT_EQ(thing->value, all.front()->value);
  }
}

TEST(Store, WaitingForAVersionEndsWhenTheWatchBringsItOrTheTimeIsOver) {
  Store<Thing> store(parse_thing);
  list(store, {}, "10");
  EXPECT_FALSE(store.wait_until_seen("11", Duration(1)));
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE(store.wait_until_seen("11", Duration(60'000), stopped.get_token()));
  std::jthread watch([&] { store.apply(bookmark("12")); });
  EXPECT_TRUE(store.wait_until_seen("11", Duration(60'000)));
}

}  // namespace
}  // namespace sluice::kube
