// Processes that count each other, on the Redis that COURIER_TEST_REDIS names.
#include "sample-service/wake/peers.h"

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>

#include "sample-service/wake/redis_connection.h"
#include "sample-service/wake/redis_for_test.h"

namespace courier {
namespace {

using namespace std::chrono_literals;

// What a process was told last.
class Told {
 public:
  std::function<void(std::size_t)> hear() {
    return [this](std::size_t count) {
      const std::lock_guard lock(mutex_);
      last_ = count;
      changed_.notify_all();
    };
  }
  // Returns when it is that; false: it took too long.
  bool becomes(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return last_ == count; });
  }
  std::size_t last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t last_ = 0;
};

class RedisPeers : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    redis_ = std::make_unique<RedisConnection>(*parse_redis_uri(GetParam()));
    ASSERT_TRUE(redis_->run({"DEL", key_}));
  }
  std::unique_ptr<Peers> join(const std::string& self, Told& told) {
    return *count_peers({.uri = GetParam(), .self = self, .key = key_, .every = 10ms}, told.hear());
  }
  const std::string key_ = "courier:peers-test";
  std::unique_ptr<RedisConnection> redis_{};
};

TEST_P(RedisPeers, WhoComesAndWhoGoesIsSeenByTheOthers) {
  Told one;
  Told other;
  const auto first = join("one", one);
  EXPECT_TRUE(one.becomes(1));
  auto second = join("other", other);
  EXPECT_TRUE(one.becomes(2));
  EXPECT_TRUE(other.becomes(2));
  second.reset();
  EXPECT_TRUE(one.becomes(1));
}

TEST_P(RedisPeers, WhoWasKilledCountsNoMoreAfterASilence) {
  const long long now = std::atoll(redis_->run({"TIME"})->items[0].text.c_str());
  ASSERT_TRUE(redis_->run_all({{"ZADD", key_, std::to_string(now - 2), "lives"}, {"ZADD", key_, std::to_string(now - 60), "killed"}}));
  Told told;
  const auto self = join("self", told);
  EXPECT_TRUE(told.becomes(2));
}

TEST_P(RedisPeers, ASetThatCannotBeUsedTellsNothing) {
  ASSERT_TRUE(redis_->run({"SET", key_, "a text"}));
  Told told;
  {
    const auto self = join("self", told);
    // The set is there again as soon as the text is gone, and then it is told.
    EXPECT_EQ(told.last(), 0U);
    ASSERT_TRUE(redis_->run({"DEL", key_}));
    EXPECT_TRUE(told.becomes(1));
  }
  EXPECT_EQ(redis_->run({"ZCARD", key_})->number, 0);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RedisPeers);
INSTANTIATE_TEST_SUITE_P(Redis, RedisPeers, ::testing::ValuesIn(testing::redis_if_there()), [](const auto&) { return "there"; });

TEST(Peers, WithoutRedisNothingIsTold) {
  Told told;
  {
    const auto self = count_peers({.uri = "redis://127.0.0.1:1", .self = "self", .every = 1ms}, told.hear());
    ASSERT_TRUE(self);
  }
  EXPECT_EQ(told.last(), 0U);
  const auto wrong = count_peers({.uri = "http://:secret@h"}, told.hear());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace courier
