// Delivers what waits in the store: a few threads, each with one message at a time.
//
// At least once: a delivery whose outcome could not be stored is repeated after its lease, so the header webhook-id (the
// message's id) is what a receiver removes duplicates by. 2xx is success, everything else is tried again with full jitter
// until the attempts are used up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "common/core/clock.h"
#include "common/http/transport.h"
#include "common/telemetry/health.h"
#include "common/telemetry/metrics.h"
#include "sample-service/domain/message.h"
#include "sample-service/store/executor.h"
#include "sample-service/store/store.h"

namespace courier {

struct WorkerOptions {
  std::size_t threads = 4;
  int max_attempts = 8;
  Duration first_delay{1'000};             // doubles with each attempt, jittered
  Duration longest_delay{3'600'000};
  Duration deadline{10'000};               // of one delivery
};

// Makes the client for an origin, e.g. "http://hooks.example:8080".
using MakeTransport = std::function<Expected<std::shared_ptr<sluice::http::Transport>>(const std::string& origin)>;

class Worker {
 public:
  struct Parts {
    Store& store;
    Executor& executor;
    const sluice::Clock& clock;
    Random random;
    sluice::metrics::Registry& metrics;
    sluice::telemetry::Health& health;
    MakeTransport make_transport;
  };

  Worker(WorkerOptions options, Parts parts);
  ~Worker();                               // cut(): what is being delivered is given back
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // A message became due; also polled every second.
  void wake();
  // Takes nothing new; what is being delivered goes on.
  void pause();
  // Ends every delivery and gives its message back.
  void cut();

 private:
  void run(std::size_t number, const std::stop_token& stop);
  void deliver(const Loan& loan, const std::stop_token& stop);
  void failed(const Loan& loan, const std::string& error);
  Expected<std::shared_ptr<sluice::http::Transport>> transport_to(const std::string& origin);

  const WorkerOptions options_;
  Parts parts_;
  std::atomic<bool> paused_{false};

  std::mutex mutex_;
  std::condition_variable_any due_;
  unsigned long long wakes_ = 0;
  std::map<std::string, std::shared_ptr<sluice::http::Transport>> transports_;
  std::vector<std::jthread> threads_;
};

}  // namespace courier
