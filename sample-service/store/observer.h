// What a store tells of itself: durations of operations, slow statements, use of the pool.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "common/core/time.h"
#include "common/telemetry/metrics.h"

namespace courier {

// Thread-safe. Without a registry only slow statements are logged.
class Observer {
 public:
  Observer(sluice::metrics::Registry* metrics, sluice::Duration slow);

  // dependency_request_duration_seconds{dependency="database",op,outcome}
  void operation(const std::string& op, bool ok, std::chrono::nanoseconds took);
  // Logged and counted in db_slow_queries_total{query}, which is there from the start, when it took longer than `slow`. Never logs
  // parameters.
  void statement(const std::string& query, std::chrono::nanoseconds took);
  // db_pool_connections{state}: in_use, idle and max.
  void pool(std::size_t in_use, std::size_t idle, std::size_t max);
  // db_pool_wait_seconds: how long a caller waited for a free connection.
  void waited(std::chrono::nanoseconds took);

 private:
  void slow_queries(const std::string& query, double more = 0);

  sluice::metrics::Registry* const metrics_;
  const sluice::Duration slow_;
  std::mutex mutex_;
  std::map<std::pair<std::string, bool>, sluice::metrics::Histogram> operations_;  // asking the registry costs more than they do
};

}  // namespace courier
