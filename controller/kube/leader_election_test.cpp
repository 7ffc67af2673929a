#include "controller/kube/leader_election.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "controller/kube/scripted_for_test.h"

namespace sluice::kube {
namespace {

using namespace test;

// One Lease on a server that keeps resourceVersions. `around` is called before and after each write is carried out, so that
// a test can let time pass and others act in the middle of a call, lose answers, or refuse.
class LeaseServer final : public ScriptedApi {
 public:
  enum class Moment { BeforeRead, BeforeWrite, AfterWrite };
  std::optional<Json> lease;
  int version = 0;
  int writes = 0;
  std::function<Expected<void>(Moment)> around = [](Moment) -> Expected<void> { return {}; };

  Expected<Json> get(const Resource&, const Name&) override {
    if (auto ok = around(Moment::BeforeRead); !ok) return Unexpected(ok.error());
    if (!lease) return fail(Error::Kind::NotFound, "no lease");
    return *lease;
  }
  Expected<Json> create(const Resource&, const Json& object, const WriteOptions&) override {
    if (auto ok = around(Moment::BeforeWrite); !ok) return Unexpected(ok.error());
    if (lease) return fail(Error::Kind::Exists, "there is one");
    return put(object);
  }
  Expected<Json> update(const Resource&, const Json& object, const WriteOptions&) override {
    if (auto ok = around(Moment::BeforeWrite); !ok) return Unexpected(ok.error());
    if (!lease) return fail(Error::Kind::NotFound, "no lease");
    if (resource_version_of(object) != resource_version_of(*lease)) return fail(Error::Kind::Conflict, "modified");
    return put(object);
  }
  std::string holder() const { return lease ? (*lease)["spec"]["holderIdentity"].get<std::string>() : ""; }

 private:
  Expected<Json> put(Json object) {
    object["metadata"]["resourceVersion"] = std::to_string(++version);
    lease = object;
    ++writes;
    if (auto ok = around(Moment::AfterWrite); !ok) return Unexpected(ok.error());
    return object;
  }
};

LeaderOptions options(const std::string& identity) {
  LeaderOptions out;
  out.lease = {"sluice-system", "sluice"};
  out.identity = identity;
  return out;
}

struct Fixture {
  LeaseServer server;
  ManualClock clock;
  LeaderElector a{server, options("a"), clock, [] { return 0.5; }};
  LeaderElector b{server, options("b"), clock, [] { return 0.5; }};
};

TEST(LeaderElection, TheFirstTakesTheLeaseAndTheSecondWaits) {
  Fixture f;
  EXPECT_EQ(f.a.step(), Duration(2'000));
  EXPECT_TRUE(f.a.is_leader());
  f.b.step();
  EXPECT_FALSE(f.b.is_leader());
  EXPECT_EQ(f.b.holder(), "a");
  for (int i = 0; i < 30; ++i) {
    f.clock.advance(Duration(2'000));
    f.a.step();
    f.b.step();
    ASSERT_TRUE(f.a.is_leader());
    ASSERT_FALSE(f.b.is_leader());
  }
}

TEST(LeaderElection, TheOneThatStopsRenewingIsNoLeaderFiveSecondsBeforeAnotherMayBe) {
  Fixture f;
  f.a.step();
  f.b.step();
  f.clock.advance(Duration(9'999));
  EXPECT_TRUE(f.a.is_leader());
  EXPECT_EQ(f.a.time_left(), Duration(1));
  f.clock.advance(Duration(1));
  EXPECT_FALSE(f.a.is_leader()) << "without having done anything: it may have been paused";
  f.clock.advance(Duration(4'999));
  f.b.step();
  EXPECT_FALSE(f.b.is_leader());
  f.clock.advance(Duration(1));
  f.b.step();
  EXPECT_TRUE(f.b.is_leader());
  EXPECT_EQ((*f.server.lease)["spec"]["leaseTransitions"], 1);
  f.a.step();
  EXPECT_FALSE(f.a.is_leader());
}

TEST(LeaderElection, TheLeaseCountsFromTheBeginningOfARenewalThatTookLong) {
  Fixture f;
  f.a.step();
  f.clock.advance(Duration(2'000));
  f.server.around = [&](LeaseServer::Moment moment) -> Expected<void> {
    if (moment == LeaseServer::Moment::AfterWrite) f.clock.advance(Duration(9'000));
    return {};
  };
  f.a.step();
  EXPECT_EQ(f.a.time_left(), Duration(1'000));
}

TEST(LeaderElection, AReleasedLeaseIsTakenAtOnce) {
  Fixture f;
  f.a.step();
  f.b.step();
  f.a.release();
  EXPECT_FALSE(f.a.is_leader());
  EXPECT_EQ(f.server.holder(), "");
  f.b.step();
  EXPECT_TRUE(f.b.is_leader());
}

TEST(LeaderElection, ReleasingALostLeaseLeavesTheNextHolderAlone) {
  Fixture f;
  f.a.step();
  f.b.step();
  f.clock.advance(Duration(15'000));
  f.b.step();
  ASSERT_TRUE(f.b.is_leader());
  f.a.release();
  EXPECT_EQ(f.server.holder(), "b");
}

TEST(LeaderElection, ALeaseThatSomebodyElseTookEndsOurTermAtOnce) {
  Fixture f;
  f.a.step();
  (*f.server.lease)["spec"]["holderIdentity"] = "intruder";
  (*f.server.lease)["metadata"]["resourceVersion"] = "99";
  f.a.step();
  f.a.step();
  EXPECT_FALSE(f.a.is_leader());
}

TEST(LeaderElection, ARenewalWhoseAnswerWasLostIsReadAgainAndGoesOn) {
  Fixture f;
  f.a.step();
  f.server.around = [](LeaseServer::Moment moment) -> Expected<void> {
    if (moment == LeaseServer::Moment::AfterWrite) return fail(Error::Kind::Unavailable, "answer lost");
    return {};
  };
  f.clock.advance(Duration(2'000));
  f.a.step();
  EXPECT_EQ(f.a.time_left(), Duration(8'000)) << "not renewed as far as we know";
  f.server.around = [](LeaseServer::Moment) -> Expected<void> { return {}; };
  f.clock.advance(Duration(2'000));
  f.a.step();
  EXPECT_EQ(f.a.time_left(), Duration(10'000));
}

TEST(LeaderElection, AWrittenNonsenseLeaseIsReadAsOneWithoutHolder) {
  Fixture f;
  f.server.lease = Json{{"metadata", {{"resourceVersion", "7"}}},
                        {"spec", {{"holderIdentity", 3}, {"leaseDurationSeconds", "x"}, {"leaseTransitions", -1}}}};
  f.a.step();
  EXPECT_TRUE(f.a.is_leader());
}

// Five processes, a server that is slow, loses requests and answers, and pauses at any point, also in the middle of a call
// (then the others act meanwhile). There are never two leaders, and when the trouble is over there is one.
TEST(LeaderElection, ThereAreNeverTwoLeadersWhateverPausesAndWhateverIsLost) {
  int terms = 0;
  for (unsigned seed = 0; seed < 25; ++seed) {
    std::mt19937 random(seed);
    const auto roll = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    LeaseServer server;
    ManualClock clock;
    std::vector<std::unique_ptr<LeaderElector>> electors;
    std::vector<bool> busy(5, false);
    for (int i = 0; i < 5; ++i)
      electors.push_back(std::make_unique<LeaderElector>(server, options(std::string(1, static_cast<char>('a' + i))), clock,
                                                         [&] { return roll(100) / 100.0; }));
    int last = -1;
    const auto check = [&] {
      int leaders = 0;
      for (std::size_t i = 0; i < electors.size(); ++i)
        if (electors[i]->is_leader()) {
          ++leaders;
          if (last != static_cast<int>(i)) ++terms;
          last = static_cast<int>(i);
        }
      ASSERT_LE(leaders, 1) << "seed " << seed;
    };
    int depth = 0;
    bool trouble = true;
    std::function<void()> act = [&] {
      const auto i = static_cast<std::size_t>(roll(5));
      if (busy[i]) return;
      busy[i] = true;
      if (roll(40) == 0) electors[i]->release();
      else electors[i]->step();
      busy[i] = false;
      check();
    };
    server.around = [&](LeaseServer::Moment) -> Expected<void> {
      if (!trouble || depth >= 3) return {};
      ++depth;
      const int pause = roll(10) == 0 ? 25 : roll(10) < 3 ? 4 : 0;
      for (int s = 0; s < pause; ++s) {
        clock.advance(Duration(roll(1'500)));
        check();
        if (roll(2) == 0) act();
      }
      --depth;
      if (roll(8) == 0) return fail(Error::Kind::Unavailable, "lost");
      return {};
    };
    for (int i = 0; i < 400 && !testing::Test::HasFatalFailure(); ++i) {
      clock.advance(Duration(roll(1'000)));
      check();
      act();
    }
    trouble = false;
    int leaders = 0;
    for (int i = 0; i < 20; ++i) {
      clock.advance(Duration(2'000));
      for (auto& elector : electors) elector->step();
    }
    for (auto& elector : electors) leaders += elector->is_leader();
    ASSERT_EQ(leaders, 1) << "seed " << seed;
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(terms, 100) << "leadership must have changed hands for this test to mean anything";
}

TEST(LeaderElection, WorkIsStoppedAndTheLeaseReleasedWhenWeAreAskedToEnd) {
  LeaseServer server;
  SystemClock clock;
  LeaderElector elector(server, options("a"), clock, [] { return 0.5; });
  std::stop_source stop;
  bool worked = false;
  const bool lost = run_elected(elector, stop.get_token(), [&](std::stop_token work) {
    worked = elector.is_leader();
    stop.request_stop();
    while (!work.stop_requested()) std::this_thread::yield();
  });
  EXPECT_TRUE(worked);
  EXPECT_FALSE(lost);
  EXPECT_EQ(server.holder(), "");
}

TEST(LeaderElection, WhoRenewsNeverTakesALeaseThatHasRunOutMeanwhile) {
  using Moment = LeaseServer::Moment;
  Fixture f;
  f.a.step();
  f.clock.advance(Duration(10'000));
  f.a.renew();
  EXPECT_FALSE(f.a.is_leader()) << "though nobody else has it";
  EXPECT_EQ(f.server.writes, 1);
  for (const Moment late : {Moment::BeforeRead, Moment::BeforeWrite, Moment::AfterWrite}) {
    f.server.around = [](Moment) -> Expected<void> { return {}; };
    f.a.step();
    ASSERT_TRUE(f.a.is_leader());
    if (late == Moment::BeforeRead) {  // which a leader does when its last write failed
      f.server.around = [](Moment moment) -> Expected<void> {
        if (moment == Moment::BeforeWrite) return fail(Error::Kind::Unavailable, "away");
        return {};
      };
      f.a.renew();
      ASSERT_TRUE(f.a.is_leader());
    }
    f.clock.advance(Duration(5'000));
    f.server.around = [&](Moment moment) -> Expected<void> {
      if (moment == late) f.clock.advance(Duration(5'000));
      return {};
    };
    f.a.renew();
    EXPECT_FALSE(f.a.is_leader()) << static_cast<int>(late);
  }
}

TEST(LeaderElection, WorkIsStoppedWhenTheLeaseIsLost) {
  LeaseServer server;
  ManualClock clock;
  LeaderElector elector(server, options("a"), clock, [] { return 0.5; });
  const bool lost = run_elected(elector, {}, [&](std::stop_token work) {
    clock.advance(Duration(10'000));  // as if the process had been paused
    while (!work.stop_requested()) std::this_thread::yield();
    EXPECT_FALSE(elector.is_leader());
  });
  EXPECT_TRUE(lost);
  EXPECT_EQ(server.holder(), "a") << "what may be another's by now is not written to";
}

}  // namespace
}  // namespace sluice::kube
