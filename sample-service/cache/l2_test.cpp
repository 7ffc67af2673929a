#include "sample-service/cache/l2.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <future>

#include <gtest/gtest.h>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

class SharedLayer : public ::testing::Test {
 protected:
  // What Redis does; set before the first question.
  L2::Run run = [this](const RedisConnection::Command&) -> Expected<RedisAnswer> {
    ++asked;
    if (down) return fail(Error::Kind::Unavailable, "broker: gone");
    return RedisAnswer{};
  };
  static L2::Found get(L2& l2, const std::string& key = "k") {
    std::promise<L2::Found> found;
    l2.get(key, [&](const L2::Found& what) { found.set_value(what); });
    return found.get_future().get();
  }
  L2::Parts parts() {
    return {clock, [] { return 0.5; }, metrics};
  }

  std::atomic<bool> down{false};
  std::atomic<int> asked{0};
  sluice::ManualClock clock;
  sluice::metrics::Registry metrics;
};

TEST_F(SharedLayer, AnOutageTurnsItOffForAWhileAndThenItComesBack) {
  L2 l2("p", run, parts());
  EXPECT_EQ(get(l2).result, L2::Result::Miss);
  down = true;
  EXPECT_EQ(get(l2).result, L2::Result::Error);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(get(l2).result, L2::Result::Off);
  EXPECT_EQ(asked, 2) << "nobody waits for a Redis that is away";
  clock.advance(Duration(1'000));
  EXPECT_EQ(get(l2).result, L2::Result::Error) << "one asks how it is";
  EXPECT_EQ(get(l2).result, L2::Result::Off);
  down = false;
  clock.advance(Duration(2'000));
  EXPECT_EQ(get(l2).result, L2::Result::Miss);
  EXPECT_EQ(get(l2).result, L2::Result::Miss);
}

TEST_F(SharedLayer, ABusyOneIsAsGoodAsNone) {
  std::promise<void> go;
  auto gone = go.get_future().share();
  std::promise<void> working;
  std::atomic<bool> first{true};
  L2 l2(
      "p",
      [&](const RedisConnection::Command&) -> Expected<RedisAnswer> {
        if (first.exchange(false)) working.set_value();
        gone.wait();
        return RedisAnswer{};
      },
      parts());
  std::atomic<int> off{0};
  std::atomic<int> missed{0};
  const auto note = [&](const L2::Found& found) { ++(found.result == L2::Result::Off ? off : missed); };
  l2.get("k", note);
  working.get_future().wait();
  for (std::size_t i = 0; i < L2::kQueue + 7; ++i) l2.get("k", note);
  EXPECT_EQ(off, 7);
  go.set_value();
  l2.end();
  EXPECT_EQ(static_cast<std::size_t>(missed + off), L2::kQueue + 8) << "everybody is called back";
}

TEST_F(SharedLayer, AfterTheEndItIsOff) {
  L2 l2("p", run, parts());
  l2.end();
  EXPECT_EQ(get(l2).result, L2::Result::Off);
  EXPECT_EQ(asked, 0);
}

TEST_F(SharedLayer, AnAddressThatCannotBeUsedIsRefusedAndOneWhereNobodyListensIsAnError) {
  EXPECT_FALSE(redis_for_cache("http://nowhere"));
  L2 l2("p", *redis_for_cache("redis://127.0.0.1:1"), parts());
  EXPECT_EQ(get(l2).result, L2::Result::Error);
}

TEST_F(SharedLayer, ARealRedisKeepsForAMinute) {
  const char* uri = std::getenv("COURIER_TEST_REDIS");
  if (!uri) GTEST_SKIP() << "no Redis: sample-service/with-servers starts one";
  const std::string prefix = "l2-test-" + std::to_string(::getpid());
  L2 l2(prefix, *redis_for_cache(uri), parts());
  EXPECT_EQ(get(l2).result, L2::Result::Miss);
  l2.put("k", "some value");
  const auto found = get(l2);
  EXPECT_EQ(found.result, L2::Result::Hit);
  EXPECT_EQ(found.value, "some value");
  RedisConnection admin(*parse_redis_uri(uri));
  const long long life = admin.run({"TTL", prefix + ":1:k"})->number;
  EXPECT_GT(life, 0);
  EXPECT_LE(life, 60);
  ASSERT_TRUE(admin.run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}));
  EXPECT_EQ(get(l2).result, L2::Result::Hit) << "on a new connection";
  (void)admin.run({"DEL", prefix + ":1:k"});
}

}  // namespace
}  // namespace courier
