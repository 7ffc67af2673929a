#include "sample-service/wake/peers.h"

#include <algorithm>
#include <cstdlib>
#include <stop_token>
#include <thread>

#include "common/core/pause.h"
#include "common/telemetry/log.h"
#include "sample-service/wake/redis_connection.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr long long kSilent = 5;            // seconds until a process counts no more
constexpr const char* kForgotten = "3600";  // seconds until a set that nobody keeps is gone

class RedisPeers final : public Peers {
 public:
  RedisPeers(PeersOptions options, const RedisAddress& address, std::function<void(std::size_t)> told)
      : options_(std::move(options)), told_(std::move(told)), redis_(address) {
    thread_ = std::jthread([this](const std::stop_token& stop) { keep_counting(stop); });
  }
  ~RedisPeers() override {
    thread_.request_stop();
    thread_.join();
    (void)redis_.run({"ZREM", options_.key, options_.self});
  }

 private:
  void keep_counting(const std::stop_token& stop) {
    bool complained = false;
    while (!stop.stop_requested()) {
      const auto counted = count();
      if (counted) told_(*counted);
      else if (!complained) sluice::log::warn("other processes cannot be counted", {{"error", to_string(counted.error())}});
      complained = !counted;
      sluice::pause(options_.every, stop);
    }
  }

  Expected<std::size_t> count() {
    // The clocks of the processes may differ.
    const auto time = redis_.run({"TIME"});
    if (!time) return tl::make_unexpected(time.error());
    if (time->items.empty()) return fail(Error::Kind::Unavailable, "Redis: TIME was answered without a time");
    const long long now = std::atoll(time->items[0].text.c_str());
    const auto answers = redis_.run_all({{"ZADD", options_.key, std::to_string(now), options_.self},
                                         {"ZREMRANGEBYSCORE", options_.key, "-inf", std::to_string(now - kSilent)},
                                         {"EXPIRE", options_.key, kForgotten},
                                         {"ZCARD", options_.key}});
    if (!answers) return tl::make_unexpected(answers.error());
    for (const RedisAnswer& answer : *answers) {
      if (answer.is_error) return fail(Error::Kind::Unavailable, "Redis: " + answer.text);
    }
    return static_cast<std::size_t>(std::max(1LL, answers->back().number));
  }

  const PeersOptions options_;
  const std::function<void(std::size_t)> told_;
  RedisConnection redis_;
  std::jthread thread_;
};

}  // namespace

Expected<std::unique_ptr<Peers>> count_peers(PeersOptions options, std::function<void(std::size_t)> told) {
  const auto address = parse_redis_uri(options.uri);
  if (!address) return tl::make_unexpected(address.error());
  return std::make_unique<RedisPeers>(std::move(options), *address, std::move(told));
}

}  // namespace courier
