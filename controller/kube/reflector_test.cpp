#include "controller/kube/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/kube/informer.h"
#include "controller/kube/scripted_for_test.h"

namespace sluice::kube {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Fixture {
  ScriptedApi api;
  ManualClock clock;
  std::vector<Error> errors;
  std::vector<std::string> changes;
  Informer<Thing> things;

  explicit Fixture(ReflectorOptions options = {})
      : things(api, resources::kConfigMaps, parse_thing, with_errors(std::move(options)), clock, [] { return 0.5; }) {
    things.on_change([this](const Change<Thing>& change) {
      changes.push_back((!change.before ? "+" : change.after ? "~" : "-") + change.key().name);
    });
  }
  ReflectorOptions with_errors(ReflectorOptions options) {
    options.on_error = [this](const Error& error) { errors.push_back(error); };
    return options;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& thing : things.store().all()) out.push_back(thing->meta.name);
    return out;
  }
};

TEST(Watch, BeginsWhereTheListEndedAndFollowsTheEvents) {
  Fixture f;
  f.api.lists.push_back(List{{object("a", "1"), object("b", "2")}, "10"});
  f.api.watches.push_back({{added(object("c", "11")), modified(object("a", "12")), deleted(object("b", "13")), bookmark("20")}, {}});
  f.api.watches.push_back({});
  EXPECT_FALSE(f.things.has_synced());
  f.things.step();
  EXPECT_TRUE(f.things.has_synced());
  f.things.step();
  f.things.step();
  EXPECT_EQ(f.api.watched[0].resource_version, "10");
  EXPECT_EQ(f.api.watched[1].resource_version, "20") << "a bookmark moves the position";
  EXPECT_THAT(f.names(), ElementsAre("a", "c"));
  EXPECT_THAT(f.changes, ElementsAre("+a", "+b", "+c", "~a", "-b"));
}

TEST(Watch, A410InsideTheStreamRelistsWithoutForgettingDeletions) {
  Fixture f;
  f.api.lists.push_back(List{{object("a", "1"), object("b", "2")}, "10"});
  f.api.watches.push_back({{modified(object("a", "11"))}, fail(Error::Kind::Expired, "too old resource version")});
  f.api.lists.push_back(List{{object("a", "11"), object("c", "15")}, "20"});  // b was deleted while nobody looked
  f.api.watches.push_back({});
  for (int i = 0; i < 4; ++i) {
    f.things.step();
    EXPECT_TRUE(f.things.has_synced());
  }
  EXPECT_EQ(f.api.listed, 2);
  EXPECT_EQ(f.api.watched.back().resource_version, "20");
  EXPECT_THAT(f.names(), ElementsAre("a", "c"));
  EXPECT_THAT(f.changes, ElementsAre("+a", "+b", "~a", "-b", "+c"));
}

TEST(Watch, AnOutageOfLongAgoDoesNotMakeTheNextWaitLonger) {
  Fixture f;
  f.api.clock = &f.clock;
  f.api.lists.push_back(List{{}, "10"});
  for (int i = 0; i < 6; ++i) f.api.watches.push_back({{}, fail(Error::Kind::Unavailable, "refused")});
  f.api.watches.push_back({{}, fail(Error::Kind::Unavailable, "reset"), Duration(400'000)});
  f.things.step();
  Duration wait{0};
  for (int i = 0; i < 6; ++i) wait = f.things.step();
  EXPECT_GT(wait, Duration(5'000)) << "refused again and again";
  EXPECT_EQ(f.things.step(), Duration(800)) << "the connection had lasted, though nothing happened on it";
}

TEST(Watch, ALostConnectionGoesOnFromThePositionWithoutAList) {
  Fixture f;
  f.api.lists.push_back(List{{object("a", "1")}, "10"});
  f.api.watches.push_back({{modified(object("a", "11"))}, fail(Error::Kind::Unavailable, "reset")});
  f.api.watches.push_back({});
  f.things.step();
  EXPECT_GE(f.things.step(), Duration(800));
  f.things.step();
  EXPECT_EQ(f.api.listed, 1);
  EXPECT_EQ(f.api.watched[1].resource_version, "11");
}

TEST(Watch, RepeatedFailuresAreAskedLaterAndLaterWithJitter) {
  Fixture f;
  std::vector<Duration> waits;
  for (int i = 0; i < 20; ++i) {
    f.api.lists.push_back(fail(Error::Kind::Unavailable, "down"));
    waits.push_back(f.things.step());
  }
  for (std::size_t i = 1; i < 5; ++i) EXPECT_GT(waits[i], waits[i - 1]);
  EXPECT_LE(waits.back(), Duration(10'000));
  EXPECT_EQ(f.errors.size(), 20u);
}

TEST(Watch, TheServersRetryAfterIsTheLeastToWait) {
  Fixture f;
  f.api.lists.push_back(Unexpected(Error{Error::Kind::Unavailable, "later", 429, Duration(17'000)}));
  EXPECT_GE(f.things.step(), Duration(17'000));
}

TEST(Watch, OneThatEndsAtOnceWithoutAnEventIsNotAskedInALoop) {
  Fixture f;
  f.api.lists.push_back(List{{}, "10"});
  f.api.watches.push_back({});
  f.api.watches.push_back({});
  f.things.step();
  const Duration first = f.things.step();
  EXPECT_GE(first, Duration(800));
  EXPECT_GT(f.things.step(), first);
}

TEST(Watch, CorruptEventsRelistAndTheOldStateServesMeanwhile) {
  Fixture f;
  f.api.lists.push_back(List{{object("a", "1")}, "10"});
  f.api.watches.push_back({{}, fail(Error::Kind::Corrupt, "not JSON")});
  f.api.lists.push_back(fail(Error::Kind::Unavailable, "down"));
  f.api.lists.push_back(List{{object("b", "12")}, "12"});
  f.things.step();
  f.things.step();
  f.things.step();
  EXPECT_THAT(f.names(), ElementsAre("a"));
  f.things.step();
  EXPECT_THAT(f.names(), ElementsAre("b"));
}

TEST(Watch, AnEventWithoutResourceVersionRelistsInsteadOfLosingThePosition) {
  Fixture f;
  f.api.lists.push_back(List{{object("a", "1")}, "10"});
  f.api.watches.push_back({{added(Json::object())}, {}});
  f.api.lists.push_back(List{{object("a", "1")}, "20"});
  f.things.step();
  f.things.step();
  f.things.step();
  EXPECT_EQ(f.api.listed, 2);
}

TEST(Watch, ObjectsWithoutNameAreSkippedAndCounted) {
  Fixture f;
  f.api.lists.push_back(List{{Json(3), Json{{"metadata", {{"name", 7}}}}, object("a", "1")}, "10"});
  f.things.step();
  EXPECT_THAT(f.names(), ElementsAre("a"));
  EXPECT_EQ(f.things.store().malformed(), 2u);
}

TEST(Watch, ThePositionExpiringAtOnceForEverybodyIsSpread) {
  const auto wait_with = [](double unit) {
    ScriptedApi api;
    ManualClock clock;
    Informer<Thing> things(api, resources::kConfigMaps, parse_thing, {}, clock, [unit] { return unit; });
    api.lists.push_back(List{{}, "10"});
    api.watches.push_back({{}, fail(Error::Kind::Expired, "gone")});
    things.step();
    return things.step();
  };
  EXPECT_LT(wait_with(0.1), wait_with(0.9));
}

ReflectorOptions streaming() {
  ReflectorOptions options;
  options.watch_list = true;
  return options;
}

TEST(WatchList, PublishesAtOnceWhenTheInitialEventsEnd) {
  Fixture f(streaming());
  f.api.watches.push_back({{added(object("a", "1")), added(object("b", "2")), bookmark("10", {{"k8s.io/initial-events-end", "true"}}),
                            deleted(object("a", "11"))},
                           {}});
  f.api.watches.push_back({});
  f.things.step();
  EXPECT_TRUE(f.things.has_synced());
  EXPECT_THAT(f.names(), ElementsAre("b"));
  EXPECT_TRUE(f.api.watched[0].send_initial_events);
  EXPECT_EQ(f.api.listed, 0);
  f.things.step();
  EXPECT_FALSE(f.api.watched[1].send_initial_events);
  EXPECT_EQ(f.api.watched[1].resource_version, "11");
}

TEST(WatchList, AServerThatDoesNotHaveItIsListedAndNotAskedAgain) {
  Fixture f(streaming());
  f.api.watches.push_back({{}, fail(Error::Kind::Invalid, "sendInitialEvents is forbidden")});
  f.api.lists.push_back(List{{object("a", "1")}, "10"});
  f.api.watches.push_back({{}, fail(Error::Kind::Expired, "gone")});
  f.api.lists.push_back(List{{object("a", "1")}, "20"});
  for (int i = 0; i < 4; ++i) f.things.step();
  EXPECT_EQ(f.api.listed, 2);
  EXPECT_EQ(f.api.watched.size(), 2u);
  EXPECT_THAT(f.names(), ElementsAre("a"));
}

TEST(WatchList, OneThatBreaksOffHalfWayPublishesNothingAndIsListedInstead) {
  Fixture f(streaming());
  f.api.watches.push_back({{added(object("half", "1"))}, fail(Error::Kind::Unavailable, "reset")});
  f.api.lists.push_back(List{{object("whole", "1")}, "10"});
  f.things.step();
  EXPECT_FALSE(f.things.has_synced());
  EXPECT_THAT(f.names(), IsEmpty());
  f.things.step();
  EXPECT_THAT(f.names(), ElementsAre("whole"));
}

TEST(WatchList, ARelistForgetsNoDeletionEither) {
  Fixture f(streaming());
  const Json end = {{"k8s.io/initial-events-end", "true"}};
  f.api.watches.push_back({{added(object("a", "1")), added(object("b", "2")), bookmark("10", end)}, fail(Error::Kind::Expired, "gone")});
  f.api.watches.push_back({{added(object("b", "2")), bookmark("20", end)}, {}});
  f.things.step();
  f.things.step();
  EXPECT_THAT(f.names(), ElementsAre("b"));
  EXPECT_THAT(f.changes, ElementsAre("+a", "+b", "-a"));
}

}  // namespace
}  // namespace sluice::kube
