// The layer that processes share: copies in Redis, for kLife. Off by default, and off for a while whenever Redis fails or
// is slow: then every question is answered at once with Off, and nobody sees an error. Only for what never changes: a
// lost message of an invalidation could not be made good here.
//
// Redis is asked on a thread of its own with a short queue, so that a slow one holds up neither event loops nor the store.
// Its keys carry kLayout, so that a version of courier that writes copies differently does not read those of another.
// Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "common/core/clock.h"
#include "common/telemetry/metrics.h"
#include "sample-service/admission/circuit.h"
#include "sample-service/store/executor.h"
#include "sample-service/wake/redis_connection.h"

namespace courier {

class L2 {
 public:
  enum class Result { Hit, Miss, Error, Off };
  struct Found {
    Result result = Result::Off;
    std::string value{};
  };
  // Blocks; called by one thread at a time.
  using Run = std::function<Expected<RedisAnswer>(const RedisConnection::Command&)>;
  struct Parts {
    const sluice::Clock& clock;
    std::function<double()> random;
    sluice::metrics::Registry& metrics;  // dependency_request_duration_seconds{dependency="cache"}
  };

  // prefix: of its keys, "courier:message".
  L2(std::string prefix, Run run, Parts parts);
  ~L2();
  L2(const L2&) = delete;
  L2& operator=(const L2&) = delete;

  // Calls found once: on the L2's thread, or at once when it is off, busy or ended.
  void get(const std::string& key, std::function<void(const Found&)> found);
  // As far as that is possible now. The value must not be empty.
  void put(const std::string& key, const std::string& value);
  // When it returns, everybody who asked has been called back, and from now on it is off. What `found` uses may end then.
  void end();

  static constexpr int kLayout = 1;
  static constexpr std::chrono::seconds kLife{60};
  static constexpr std::size_t kQueue = 64;

 private:
  bool post(Executor::Job job);
  Found ask(const std::string& key);
  Expected<RedisAnswer> run(const char* operation, const RedisConnection::Command& command);
  std::string name_of(const std::string& key) const;

  const std::string prefix_;
  const Run run_;
  const Parts parts_;
  std::mutex mutex_;
  Circuit circuit_;
  bool ended_ = false;
  Executor executor_;  // last: its jobs use the rest
};

std::string_view name(L2::Result result);

// A Run that keeps one connection, with time-outs fit for a cache. Invalid: a URI that cannot be used.
Expected<L2::Run> redis_for_cache(const std::string& uri);

}  // namespace courier
