#include "controller/kube/events.h"

#include <gtest/gtest.h>

#include <set>

#include "controller/kube/scripted_for_test.h"

namespace sluice::kube {
namespace {

using namespace test;

// Keeps Events by name, and may be down.
class EventServer final : public ScriptedApi {
 public:
  std::map<Name, Json> events;
  int writes = 0;
  std::optional<Error> trouble;
  std::function<void()> during = [] {};

  Expected<Json> create(const Resource&, const Json& object, const WriteOptions&) override {
    if (trouble) return Unexpected(*trouble);
    during();
    ++writes;
    if (!events.emplace(name_of(object), object).second) return fail(Error::Kind::Exists, "there is one");
    return object;
  }
  Expected<Json> patch(const Resource&, const Name& name, PatchType type, const Json& patch, const WriteOptions&) override {
    EXPECT_EQ(type, PatchType::Merge);
    if (trouble) return Unexpected(*trouble);
    ++writes;
    const auto found = events.find(name);
    if (found == events.end()) return fail(Error::Kind::NotFound, "no event");
    found->second.merge_patch(patch);
    return found->second;
  }
  Json only() const { return events.size() == 1 ? events.begin()->second : Json(); }
};

const ObjectRef kWeb{"apps/v1", "Deployment", {"shop", "web"}, "uid-web"};

EventText words(const std::string& note = "weight is 5%") { return {EventText::Type::Normal, "StepReached", "ShiftTraffic", note}; }

struct Fixture {
  EventServer server;
  ManualClock clock;
  EventRecorder recorder{server, {.instance = "pod-1"}, clock};
};

TEST(Events, HoldWhatTheApiDemands) {
  Fixture f;
  f.recorder.record(kWeb, words());
  f.recorder.flush();
  const Json event = f.server.only();
  EXPECT_EQ(event["metadata"]["namespace"], "shop");
  EXPECT_EQ(event["regarding"],
            (Json{{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"namespace", "shop"}, {"name", "web"}, {"uid", "uid-web"}}));
  EXPECT_EQ(event["eventTime"], format_micro_time(f.clock.now()));
  EXPECT_EQ(event["reportingInstance"], "pod-1");
  EXPECT_EQ(event["type"], "Normal");
  EXPECT_EQ(event["reason"], "StepReached");
  EXPECT_EQ(event["action"], "ShiftTraffic");
  EXPECT_FALSE(event.contains("series"));
}

TEST(Events, TheSameSaidAgainIsASeriesWrittenNowAndThen) {
  Fixture f;
  f.recorder.record(kWeb, words());
  f.recorder.flush();
  for (int i = 0; i < 20; ++i) {
    f.clock.advance(Duration(1'000));
    f.recorder.record(kWeb, words());
    f.recorder.flush();
  }
  EXPECT_EQ(f.server.writes, 1) << "not one write per repetition";
  f.clock.advance(Duration(30'000));
  f.recorder.flush();
  EXPECT_EQ(f.server.writes, 2);
  EXPECT_EQ(f.server.only()["series"]["count"], 21);
  f.clock.advance(Duration(60'000));
  f.recorder.flush();
  EXPECT_EQ(f.server.writes, 2) << "nothing new, nothing written";
}

TEST(Events, AfterALongSilenceTheSameWordsBeginANewEvent) {
  Fixture f;
  f.recorder.record(kWeb, words());
  f.recorder.flush();
  f.clock.advance(Duration(360'000));
  f.recorder.record(kWeb, words());
  f.recorder.flush();
  EXPECT_EQ(f.server.events.size(), 2u);
}

TEST(Events, OtherWordsAreAnotherEvent) {
  Fixture f;
  f.recorder.record(kWeb, words("weight is 5%"));
  f.recorder.record(kWeb, words("weight is 10%"));
  f.recorder.flush();
  EXPECT_EQ(f.server.events.size(), 2u);
}

TEST(Events, AServerThatIsDownIsAskedAgainAndTheEventIsWrittenOnce) {
  Fixture f;
  f.server.trouble = Error{Error::Kind::Unavailable, "down", 503, Duration(9'000)};
  f.recorder.record(kWeb, words());
  EXPECT_EQ(f.recorder.flush(), Duration(9'000));
  f.server.trouble.reset();
  f.recorder.flush();
  EXPECT_EQ(f.server.events.size(), 1u);
  EXPECT_EQ(f.recorder.dropped(), 0u);
}

TEST(Events, OnesThatTheServerRefusesAreDroppedAndCounted) {
  Fixture f;
  f.server.trouble = Error{Error::Kind::Forbidden, "no", 403, {}};
  f.recorder.record(kWeb, words());
  f.recorder.flush();
  EXPECT_EQ(f.recorder.dropped(), 1u);
  EXPECT_EQ(f.recorder.queued(), 0u);
}

TEST(Events, TheQueueIsBoundedAndTheRateLimited) {
  Fixture f;
  for (int i = 0; i < 3'000; ++i) f.recorder.record(kWeb, words("note " + std::to_string(i)));
  EXPECT_EQ(f.recorder.queued(), 1'000u);
  EXPECT_EQ(f.recorder.dropped(), 2'000u);
  f.recorder.flush();
  EXPECT_EQ(f.server.writes, 25) << "the burst";
  f.clock.advance(Duration(2'000));
  f.recorder.flush();
  EXPECT_EQ(f.server.writes, 35) << "five a second";
}

TEST(Events, WhatIsSaidWhileAnEventIsBeingWrittenIsNotLost) {
  Fixture f;
  f.recorder.record(kWeb, words());
  f.server.during = [&] { f.recorder.record(kWeb, words()); };
  f.recorder.flush();
  f.clock.advance(Duration(30'000));
  f.recorder.flush();
  EXPECT_EQ(f.server.only()["series"]["count"], 2);
}

TEST(Events, ASeriesWhoseEventExpiredIsMadeAgain) {
  Fixture f;
  f.recorder.record(kWeb, words());
  f.recorder.flush();
  f.server.events.clear();
  f.recorder.record(kWeb, words());
  f.clock.advance(Duration(30'000));
  f.recorder.flush();
  EXPECT_EQ(f.server.only()["series"]["count"], 2);
}

TEST(Events, LongNotesAreCutBetweenCharacters) {
  Fixture f;
  std::string note;
  for (int i = 0; i < 600; ++i) note += "\xc3\xa9";
  f.recorder.record(kWeb, words("x" + note));
  f.recorder.flush();
  const std::string cut = f.server.only()["note"];
  EXPECT_EQ(cut.size(), 1023u);
  EXPECT_NO_THROW(Json(cut).dump()) << "still UTF-8";
}

TEST(Events, AskedToEndItWritesWhatIsLeftEvenBeyondTheRate) {
  Fixture f;
  for (int i = 0; i < 40; ++i) f.recorder.record(kWeb, words("note " + std::to_string(i)));
  std::stop_source stop;
  stop.request_stop();
  f.recorder.run(stop.get_token());
  EXPECT_EQ(f.server.writes, 40);
}

}  // namespace
}  // namespace sluice::kube
