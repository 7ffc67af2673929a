// Wake-ups on every transport there is: within the process always, Redis when COURIER_TEST_REDIS names one.
#include "sample-service/wake/wake.h"

#include <unistd.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include <gtest/gtest.h>

#include "common/http/raw_server_for_test.h"
#include "sample-service/wake/redis_connection.h"
#include "sample-service/wake/redis_for_test.h"

namespace courier {
namespace {

using namespace std::chrono_literals;

// Counts its wake-ups.
class Counter {
 public:
  Sleeper sleeper() {
    return {[this] {
              const std::lock_guard lock(mutex_);
              ++woken_;
              changed_.notify_all();
            },
            [this] { return hungry_.load(); }};
  }
  // Returns when there were that many; false: it took too long.
  bool reaches(int wakes) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return woken_ >= wakes; });
  }
  int woken() {
    const std::lock_guard lock(mutex_);
    return woken_;
  }
  std::atomic<bool> hungry_{true};

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int woken_ = 0;
};

TEST(LocalWake, WakesWhoIsThere) {
  Counter worker;
  const auto wake = local_wake(worker.sleeper());
  EXPECT_TRUE(wake->announce({"a", "b"}));
  EXPECT_EQ(worker.woken(), 1);
  EXPECT_TRUE(wake->announce({}));
  EXPECT_EQ(worker.woken(), 1);
  EXPECT_TRUE(local_wake({})->announce({"a"}));
}

TEST(RedisUri, IsReadOrSaidToBeWrongWithoutItsPassword) {
  const auto full = parse_redis_uri("redis://me:s3c@ret@cache.example:6380/2");
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->user, "me");
  EXPECT_EQ(full->password, "s3c@ret");
  EXPECT_EQ(full->host, "cache.example");
  EXPECT_EQ(full->port, 6380);
  EXPECT_EQ(full->database, 2);
  EXPECT_EQ(parse_redis_uri("redis://:word@h")->password, "word");
  EXPECT_EQ(parse_redis_uri("redis://h")->port, 6379);
  for (const char* wrong :
       {"http://h", "redis://", "redis://secret@h", "redis://:secret@h:port", "redis://:secret@h:70000", "redis://:secret@h/x"}) {
    const auto parsed = parse_redis_uri(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().message.find("secret"), std::string::npos) << parsed.error().message;
  }
}

TEST(RedisAbsent, AnnouncingFailsSoonAndSaysSo) {
  Counter worker;
  const auto wake = redis_wake({.uri = "redis://127.0.0.1:1", .consumer = "me"}, worker.sleeper());
  ASSERT_TRUE(wake) << wake.error().message;
  const auto told = (*wake)->announce({"a"});
  ASSERT_FALSE(told);
  EXPECT_TRUE(told.error().is(sluice::Error::Kind::Unavailable)) << told.error().message;
}

// A Redis that knows PING. What broker_up said when it was asked: after an answer, after it hung up, after the next answer.
void expect_known(Sleeper sleeper) {
  sluice::metrics::Registry metrics;
  const auto up = metrics.gauge("broker_up", "1 while the broker of wake-ups answers.");
  const auto is_ping = [](sluice::http::testing::RawConnection& peer) { return peer.read_until("PING\r\n").ends_with("PING\r\n"); };
  std::mutex mutex;
  std::vector<double> seen;
  const auto look = [&] {
    const std::lock_guard lock(mutex);
    seen.push_back(up.value());
  };
  std::promise<void> done;
  sluice::http::testing::RawServer broker([&](sluice::http::testing::RawConnection& peer, int number) {
    if (!is_ping(peer)) return;
    if (number == 1) look();
    peer.write("+PONG\r\n");
    if (!is_ping(peer)) return;
    look();
    if (number == 1) done.set_value();
  });
  const auto wake =
      redis_wake({.uri = "redis://127.0.0.1:" + std::to_string(broker.port()), .consumer = "me", .metrics = &metrics}, std::move(sleeper));
  ASSERT_TRUE(wake) << wake.error().message;
  ASSERT_EQ(done.get_future().wait_for(20s), std::future_status::ready);
  EXPECT_EQ(seen, (std::vector<double>{1, 0, 1}));
}

TEST(RedisPing, AProcessThatOnlyAnnouncesKnowsWhetherItIsThere) { expect_known({}); }

TEST(RedisPing, SoDoesOneWhoseWorkersAreAllBusy) {
  expect_known({[] {}, [] { return false; }});
}

class RedisWakeUp : public ::testing::TestWithParam<std::string> {
 protected:
  RedisWakeUp()
      : stream("wake-" + std::to_string(::getpid()) + "-" + ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        admin(*parse_redis_uri(GetParam())) {}
  ~RedisWakeUp() override { (void)admin.run({"DEL", stream}); }
  std::unique_ptr<Wake> open(const std::string& consumer, Sleeper sleeper) {
    auto wake = redis_wake({.uri = GetParam(), .consumer = consumer, .stream = stream}, std::move(sleeper));
    EXPECT_TRUE(wake) << wake.error().message;
    return std::move(*wake);
  }
  long long entries() { return admin.run({"XLEN", stream})->number; }

  const std::string stream;
  RedisConnection admin;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RedisWakeUp);
INSTANTIATE_TEST_SUITE_P(Redis, RedisWakeUp, ::testing::ValuesIn(testing::redis_if_there()), [](const auto&) { return "there"; });

TEST_P(RedisWakeUp, CrossesProcessesAndLeavesNothingBehind) {
  Counter worker;
  auto works = open("worker", worker.sleeper());
  const auto api = open("api", {});
  ASSERT_TRUE(api->announce({"a"}));  // of several it might have read only the first
  EXPECT_TRUE(worker.reaches(1));
  works.reset();  // it has removed what it read
  EXPECT_EQ(entries(), 0);
}

TEST_P(RedisWakeUp, WaitsForSomebodyHungry) {
  Counter full;
  full.hungry_ = false;
  Counter free;
  const auto first = open("full", full.sleeper());
  const auto second = open("free", free.sleeper());
  ASSERT_TRUE(first->announce({"a"}));
  EXPECT_TRUE(free.reaches(1));
  EXPECT_EQ(full.woken(), 0);
}

TEST_P(RedisWakeUp, WhatWasAnnouncedBeforeTheFirstWorkerCameIsHeard) {
  const auto api = open("api", {});
  ASSERT_TRUE(api->announce({"a"}));
  EXPECT_EQ(entries(), 1);
  Counter worker;
  const auto works = open("worker", worker.sleeper());
  EXPECT_TRUE(worker.reaches(1));
}

TEST_P(RedisWakeUp, ComesBackAfterTheStreamIsGoneAndConnectionsAreCut) {
  Counter worker;
  const auto works = open("worker", worker.sleeper());
  const auto api = open("api", {});
  ASSERT_TRUE(api->announce({"a"}));
  ASSERT_TRUE(worker.reaches(1));
  ASSERT_TRUE(admin.run({"DEL", stream}));
  ASSERT_TRUE(admin.run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}));
  ASSERT_TRUE(api->announce({"b"}));
  EXPECT_TRUE(worker.reaches(2));
}

}  // namespace
}  // namespace courier
