#include <chrono>
#include <mutex>
#include <stop_token>
#include <thread>

#include "common/core/pause.h"
#include "common/telemetry/log.h"
#include "sample-service/wake/redis_connection.h"
#include "sample-service/wake/wake.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using std::chrono::steady_clock;

constexpr const char* kGroup = "courier";
constexpr const char* kBlock = "500";  // milliseconds; less than the connection's time-out
constexpr const char* kAtATime = "16";
constexpr const char* kLeftAlone = "30000";
constexpr std::chrono::seconds kAdoptEvery{30};
constexpr std::chrono::milliseconds kNotHungry{20};
constexpr std::chrono::milliseconds kReconnect{500};
constexpr std::chrono::milliseconds kLook{1'000};

class RedisWake final : public Wake {
 public:
  RedisWake(RedisOptions options, const RedisAddress& address, Sleeper sleeper)
      : options_(std::move(options)), sleeper_(std::move(sleeper)), sender_(address), receiver_(address) {
    thread_ = std::jthread([this](const std::stop_token& stop) { receive(stop); });
  }
  ~RedisWake() override {
    thread_.request_stop();
    thread_.join();
    if (!sleeper_.wake) return;
    // What it had read and not removed yet was only hints.
    (void)receiver_.run({"XGROUP", "DELCONSUMER", options_.stream, kGroup, options_.consumer});
  }

  Expected<void> announce(const std::vector<std::string>& jobs) override {
    if (jobs.empty()) return {};
    const std::lock_guard lock(mutex_);
    const auto begin = steady_clock::now();
    std::vector<RedisConnection::Command> commands;
    // While nobody reads, more hints tell nothing new.
    if (length_ < kStreamLimit) {
      for (const std::string& job : jobs) commands.push_back({"XADD", options_.stream, "*", "job", job});
    }
    commands.push_back({"XLEN", options_.stream});
    auto answers = sender_.run_all(commands);
    // An idle connection that was closed meanwhile is seen only now; the second try makes another one.
    if (!answers) answers = sender_.run_all(commands);
    Expected<void> outcome;
    if (!answers) outcome = tl::make_unexpected(answers.error());
    else {
      length_ = answers->back().number;
      for (const RedisAnswer& answer : *answers) {
        if (answer.is_error) outcome = fail(Error::Kind::Unavailable, "broker: " + answer.text);
      }
    }
    tell("announce", outcome.has_value(), steady_clock::now() - begin);
    return outcome;
  }

 private:
  void receive(const std::stop_token& stop) {
    bool complained = false;
    bool has_group = false;
    steady_clock::time_point adopt{};
    steady_clock::time_point look{};
    while (!stop.stop_requested()) {
      const bool listens = sleeper_.wake != nullptr;
      Expected<void> done;
      if (!listens || (sleeper_.hungry && !sleeper_.hungry())) {
        // Who does not read has to ask whether the broker is there.
        if (steady_clock::now() >= look) {
          done = ping();
          tell_up(done, complained);
          has_group = has_group && done;
          look = steady_clock::now() + (done ? kLook : kReconnect);
        }
        sluice::pause(listens ? kNotHungry : kReconnect, stop);
        continue;
      }
      if (!has_group) {
        done = make_group();
        if (done) tell_up(done, complained);  // reading may wait for half a second
      }
      has_group = done.has_value();
      if (done && steady_clock::now() >= adopt) {
        done = adopt_left_alone();
        adopt = steady_clock::now() + kAdoptEvery;
      }
      if (done) done = read();
      tell_up(done, complained);
      if (!done) {
        has_group = false;  // it may have been emptied, or another one
        sluice::pause(kReconnect, stop);
      }
    }
  }

  // complained: whether the log has the broker as away.
  void tell_up(const Expected<void>& found, bool& complained) {
    if (!found && !complained) {
      sluice::log::warn("the broker cannot be used; workers look for work by themselves", {{"error", to_string(found.error())}});
    } else if (found && complained) {
      sluice::log::info("the broker is back");
    }
    complained = !found;
    if (options_.metrics) options_.metrics->gauge("broker_up", "1 while the broker of wake-ups answers.").set(found ? 1 : 0);
  }

  Expected<void> ping() {
    const auto answer = receiver_.run({"PING"});
    if (!answer) return tl::make_unexpected(answer.error());
    return {};
  }

  Expected<void> make_group() {
    const auto made = receiver_.run_all({{"XGROUP", "CREATE", options_.stream, kGroup, "0", "MKSTREAM"}});
    if (!made) return tl::make_unexpected(made.error());
    const RedisAnswer& answer = made->front();
    if (!answer.is_error || answer.text.starts_with("BUSYGROUP")) return {};
    return fail(Error::Kind::Unavailable, "broker: " + answer.text);
  }

  Expected<void> read() {
    auto answer = receiver_.run(
        {"XREADGROUP", "GROUP", kGroup, options_.consumer, "COUNT", kAtATime, "BLOCK", kBlock, "STREAMS", options_.stream, ">"});
    if (!answer) return tl::make_unexpected(answer.error());
    if (answer->items.empty() || answer->items[0].items.size() < 2) return {};  // nothing came
    return take(answer->items[0].items[1].items);
  }

  // Of consumers that were killed between reading and removing.
  Expected<void> adopt_left_alone() {
    auto answer = receiver_.run({"XAUTOCLAIM", options_.stream, kGroup, options_.consumer, kLeftAlone, "0", "COUNT", "100"});
    if (!answer) return tl::make_unexpected(answer.error());
    return answer->items.size() < 2 ? Expected<void>() : take(answer->items[1].items);
  }

  Expected<void> take(const std::vector<RedisAnswer>& entries) {
    if (entries.empty()) return {};
    sleeper_.wake();
    RedisConnection::Command acknowledge{"XACK", options_.stream, kGroup};
    RedisConnection::Command remove{"XDEL", options_.stream};
    for (const RedisAnswer& entry : entries) {
      if (entry.items.empty()) continue;
      acknowledge.push_back(entry.items[0].text);
      remove.push_back(entry.items[0].text);
    }
    if (remove.size() == 2) return {};
    const auto done = receiver_.run_all({acknowledge, remove});
    if (!done) return tl::make_unexpected(done.error());
    return {};
  }

  void tell(const std::string& op, bool ok, steady_clock::duration took) {
    if (!options_.metrics) return;
    options_.metrics
        ->histogram("dependency_request_duration_seconds", "How long operations of what courier depends on took.",
                    sluice::metrics::dependency_duration_bounds(),
                    {{"dependency", "broker"}, {"op", op}, {"outcome", ok ? "ok" : "failed"}})
        .observe(std::chrono::duration<double>(took).count());
  }

  const RedisOptions options_;
  const Sleeper sleeper_;
  std::mutex mutex_;
  RedisConnection sender_;
  long long length_ = 0;
  RedisConnection receiver_;
  std::jthread thread_;
};

}  // namespace

Expected<std::unique_ptr<Wake>> redis_wake(RedisOptions options, Sleeper sleeper) {
  const auto address = parse_redis_uri(options.uri);
  if (!address) return tl::make_unexpected(address.error());
  return std::make_unique<RedisWake>(std::move(options), *address, std::move(sleeper));
}

}  // namespace courier
