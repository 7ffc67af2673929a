// Passes on what the store's outbox says: after each intake of this process at once, and, in one process at a time, what
// others left there and what is overdue. The outbox is part of the intake's transaction, so whatever was stored is told,
// late at worst; and telling is only a hint (wake/wake.h), so telling twice does no harm. The same process refreshes the
// endpoints' statistics.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/core/clock.h"
#include "common/telemetry/metrics.h"
#include "sample-service/store/executor.h"
#include "sample-service/store/store.h"
#include "sample-service/wake/wake.h"

namespace courier {

class Relay {
 public:
  struct Parts {
    Store& store;
    Executor& executor;
    Wake& wake;
    const sluice::Clock& clock;
    sluice::metrics::Registry& metrics;
    std::string self;  // unlike every other process
  };

  explicit Relay(Parts parts);
  ~Relay();  // end()
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // A message was stored, or replayed, here. Never blocks; past kRemembered of them the sweep finds the rest.
  void stored(const std::string& message);

  // Passes on what it was told, and ends. What it is told afterwards the sweep of another process finds.
  void end();

  // One turn of each, as the thread does them; for tests. Errors: the store's, or the broker's.
  Expected<void> pass_on();
  Expected<void> sweep();

  static constexpr std::size_t kRemembered = 10'000;

 private:
  void run(const std::stop_token& stop);
  Expected<void> count_stats();

  Parts parts_;
  sluice::metrics::Counter swept_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::string> stored_;
  std::mutex sweeping_;  // guards the three below: a test may sweep beside the thread
  Time leads_until_{};
  StatsCount stats_{};
  Duration next_stats_{0};
  std::jthread thread_;
};

}  // namespace courier
