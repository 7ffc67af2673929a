#include "sample-service/cache/read_cache.h"

#include <atomic>
#include <future>
#include <latch>
#include <map>
#include <thread>

#include <gtest/gtest.h>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr Duration kTtl{1'000};

class Cached : public ::testing::Test {
 protected:
  struct Answer {
    std::optional<Expected<Read>> read;
  };
  using AnswerPtr = std::shared_ptr<Answer>;

  // Begins a load that the test ends; its flight is then the last of `flights`.
  AnswerPtr read(const std::string& key = "k") {
    auto answer = std::make_shared<Answer>();
    cache.read(
        key, [answer](const Expected<Read>& found) { answer->read = found; },
        [this](const ReadCache::FlightPtr& flight) { flights.push_back(flight); });
    return answer;
  }
  void keep(const std::string& body, long long version) {
    const auto loaded = read();
    ASSERT_FALSE(flights.empty());
    flights.back()->finish(Read{body, version});
    ASSERT_EQ(body_of(loaded), body);
  }
  static std::string body_of(const AnswerPtr& answer) {
    if (!answer->read) return "(waits)";
    return *answer->read ? (*answer->read)->body : std::string(name(answer->read->error().kind));
  }
  bool counted(const std::string& result, int times) {
    const std::string line =
        "cache_requests_total{cache=\"things\",layer=\"l1\",result=\"" + result + "\"} " + std::to_string(times) + "\n";
    return metrics.text().find(line) != std::string::npos;
  }
  static Expected<Read> away() { return fail(Error::Kind::Unavailable, "the store is away"); }

  sluice::ManualClock clock;
  sluice::metrics::Registry metrics;
  ReadCache cache{{"things", 100'000, kTtl}, {clock, [] { return 0.5; }, metrics}};
  std::vector<ReadCache::FlightPtr> flights;
};

TEST_F(Cached, WhatWasLoadedAnswersUntilItsLifeEnds) {
  keep("one", 1);
  clock.advance(kTtl - Duration(1));
  EXPECT_EQ(body_of(read()), "one");
  EXPECT_EQ(flights.size(), 1U);
  clock.advance(Duration(1));
  EXPECT_EQ(body_of(read()), "(waits)") << "a stale copy is no answer while a better one can be had";
  EXPECT_EQ(flights.size(), 2U);
  EXPECT_TRUE(counted("hit", 1));
  EXPECT_TRUE(counted("miss", 2));
}

TEST_F(Cached, FiftyReadersWaitForOneLoad) {
  std::vector<AnswerPtr> readers;
  for (int i = 0; i < 50; ++i) readers.push_back(read());
  const auto other = read("another key");
  ASSERT_EQ(flights.size(), 2U);
  flights[0]->finish(Read{"one", 1});
  for (const auto& reader : readers) EXPECT_EQ(body_of(reader), "one");
  EXPECT_EQ(body_of(other), "(waits)");
  EXPECT_TRUE(counted("shared", 49));
}

TEST_F(Cached, FiftyThreadsThatRaceCauseOneLoadAndAllAreAnswered) {
  std::atomic<int> loads{0};
  std::atomic<int> answered{0};
  std::latch together(50);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      cache.read(
          "k", [&](const Expected<Read>& found) { answered += found && found->body == "one" ? 1 : 0; },
          [&](const ReadCache::FlightPtr& flight) {
            ++loads;
            flight->finish(Read{"one", 1});
          });
    });
  }
  threads.clear();
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(answered, 50);
}

TEST_F(Cached, AFailureIsHiddenByTheStaleCopyForHalfAMinute) {
  keep("one", 1);
  clock.advance(kTtl);
  const auto first = read();
  const auto second = read();
  flights.back()->finish(away());
  EXPECT_EQ(body_of(first), "one");
  EXPECT_EQ(body_of(second), "one");
  EXPECT_EQ(body_of(read()), "one") << "and nobody loads again at once";
  EXPECT_EQ(flights.size(), 2U);
  EXPECT_TRUE(counted("stale", 3));
  clock.advance(Duration(1'000));
  const auto third = read();
  ASSERT_EQ(flights.size(), 3U);
  flights.back()->finish(away());
  EXPECT_EQ(body_of(third), "one");
  clock.advance(L1::kStale - Duration(1'000));
  const auto late = read();
  flights.back()->finish(away());
  EXPECT_EQ(body_of(late), "Unavailable");
}

TEST_F(Cached, AFailureWithoutACopyReachesEverybodyAndIsNotKept) {
  const auto first = read();
  const auto second = read();
  flights.back()->finish(away());
  EXPECT_EQ(body_of(first), "Unavailable");
  EXPECT_EQ(body_of(second), "Unavailable");
  EXPECT_EQ(body_of(read()), "(waits)");
}

TEST_F(Cached, WhatIsGoneIsNotServedStale) {
  keep("one", 1);
  clock.advance(kTtl);
  const auto gone = read();
  flights.back()->finish(fail(Error::Kind::NotFound, "no such thing"));
  EXPECT_EQ(body_of(gone), "NotFound");
  const auto after = read();
  flights.back()->finish(away());
  EXPECT_EQ(body_of(after), "Unavailable");
}

TEST_F(Cached, WhatIsNotToBeKeptAnswersWhoWaitsOnly) {
  const auto first = read();
  flights.back()->finish(Read{"for now", 0, false});
  EXPECT_EQ(body_of(first), "for now");
  EXPECT_EQ(body_of(read()), "(waits)");
}

TEST_F(Cached, AnAnnouncedVersionIsReadAtOnce) {
  keep("one", 1);
  cache.announce("k", 2);
  EXPECT_EQ(body_of(read()), "(waits)");
  flights.back()->finish(Read{"two", 2});
  cache.announce("k", 2);
  EXPECT_EQ(body_of(read()), "two");
}

TEST_F(Cached, NobodyJoinsALoadThatBeganBeforeTheChange) {
  const auto before = read();
  cache.announce("k", 2);
  const auto after = read();
  ASSERT_EQ(flights.size(), 2U);
  flights[1]->finish(Read{"two", 2});
  EXPECT_EQ(body_of(after), "two");
  flights[0]->finish(Read{"one", 1});
  EXPECT_EQ(body_of(before), "one") << "it asked before the change was done";
  EXPECT_EQ(body_of(read()), "two");
}

TEST_F(Cached, ALoadFromBeforeTheChangeIsNotKept) {
  const auto before = read();
  cache.forget("k");
  flights[0]->finish(Read{"one", 1});
  EXPECT_EQ(body_of(before), "one");
  EXPECT_EQ(body_of(read()), "(waits)");
}

TEST_F(Cached, ALoadThatIsGivenUpOrLostLetsTheOthersDecide) {
  const auto first = read();
  flights[0]->abandon();
  EXPECT_EQ(body_of(first), "Cancelled");
  const auto second = read();
  const auto third = read();
  flights.clear();  // as when the queue of the store refuses it
  EXPECT_EQ(body_of(second), "Cancelled");
  EXPECT_EQ(body_of(third), "Cancelled");
  keep("one", 1);
}

TEST_F(Cached, TheStaleCopyIsThereForWhoDoesNotWaitForAHangingLoad) {
  EXPECT_FALSE(cache.instead("k"));
  keep("one", 1);
  clock.advance(kTtl);
  const auto hanging = read();
  EXPECT_EQ(cache.instead("k")->body, "one");
  EXPECT_EQ(body_of(read()), "one") << "nor does the next one";
  EXPECT_EQ(body_of(hanging), "(waits)");
}

// L2 without a Redis: what it is told to find, and what was put.
class Layered : public Cached {
 protected:
  std::map<std::string, std::string> redis;
  std::atomic<bool> down{false};
  std::atomic<int> loads{0};
  L2 l2{"p",
        [this](const RedisConnection::Command& command) -> Expected<RedisAnswer> {
          if (down) return fail(Error::Kind::Unavailable, "broker: gone");
          if (command[0] == "SET") redis[command[1]] = command[2];
          return RedisAnswer{.text = command[0] == "GET" ? redis[command[1]] : "OK"};
        },
        {clock, [] { return 0.5; }, metrics}};
  // Waits for the thread of L2, which has called the loader then.
  std::string read_through(ReadCache& from, const Expected<Read>& stored) {
    // Shared: who sets it may still be about it when it was read.
    const auto answer = std::make_shared<std::promise<std::string>>();
    from.read(
        "k", [answer](const Expected<Read>& found) { answer->set_value(found ? found->body : "failed"); },
        [&](const ReadCache::FlightPtr& flight) {
          ++loads;
          flight->finish(stored);
        });
    return answer->get_future().get();
  }
  ReadCache with_l2(std::size_t bytes) {
    return {{"things", bytes, kTtl}, {clock, [] { return 0.5; }, metrics, &l2}};
  }
};

TEST_F(Layered, WhatOneProcessLoadedAnotherFindsInL2) {
  ReadCache one = with_l2(100'000);
  ReadCache other = with_l2(100'000);
  EXPECT_EQ(read_through(one, Read{"stored", 0}), "stored");
  EXPECT_EQ(read_through(other, away()), "stored");
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(read_through(other, away()), "stored") << "from its L1 by now";
  l2.end();
  EXPECT_EQ(redis.at("p:1:k"), "stored");
}

TEST_F(Layered, ARedisThatIsDownIsNoError) {
  down = true;
  ReadCache one = with_l2(0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(read_through(one, Read{"stored", 0}), "stored");
  EXPECT_EQ(loads, 5);
  l2.end();  // its thread may still be in the cache
}

TEST_F(Layered, L2WorksWithoutL1AndKeepsNothingThatMayChange) {
  ReadCache one = with_l2(0);
  EXPECT_EQ(read_through(one, Read{"for now", 0, false}), "for now");
  EXPECT_EQ(read_through(one, Read{"stored", 0}), "stored");
  EXPECT_EQ(read_through(one, away()), "stored");
  l2.end();
}

}  // namespace
}  // namespace courier
