// How workers hear that something became due. A wake-up is only a hint: the job's state is its row in the store, workers
// look there every second by themselves, and a sweeper announces again what is overdue. So no defect of a transport can
// lose work, and its outage costs at most that second.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "common/telemetry/metrics.h"

namespace courier {

using sluice::Expected;

class Wake {
 public:
  virtual ~Wake() = default;
  // Tells a worker somewhere that these jobs may be due. Blocks for at most a second or two. Thread-safe. Unavailable:
  // they were told in part or not at all.
  virtual Expected<void> announce(const std::vector<std::string>& jobs) = 0;
};

// Who is woken in this process. Both are called on a thread of the Wake, or on the one that announces.
struct Sleeper {
  std::function<void()> wake = nullptr;    // null: nobody works here
  std::function<bool()> hungry = nullptr;  // whether a wake-up would find a free worker
};

// Within this process: announce() wakes the sleeper itself.
std::unique_ptr<Wake> local_wake(Sleeper sleeper);

struct RedisOptions {
  std::string uri{};       // "redis://[[user]:password@]host[:6379][/database]"
  std::string consumer{};  // this process, unlike all others
  std::string stream = "courier:wake";
  // dependency_request_duration_seconds{dependency="broker"}; broker_up, which every process keeps, also one that only announces
  sluice::metrics::Registry* metrics = nullptr;
};

// A Redis stream with one group, for many processes: each announced job wakes one that is hungry. An entry is removed once
// it was read, and nothing else ever trims the stream; while nobody reads, it stops growing at kStreamLimit entries. Redis
// may be absent, restarted or emptied at any time. Invalid: a URI that cannot be used, without its password.
Expected<std::unique_ptr<Wake>> redis_wake(RedisOptions options, Sleeper sleeper);

inline constexpr long long kStreamLimit = 100'000;

}  // namespace courier
