// Delivers what waits in the store: one dispatcher lends as many deliveries as there are free workers (fair.h says whose)
// and keeps their leases alive; each worker carries out one at a time.
//
// At least once: a delivery whose outcome could not be stored is repeated after its lease, so the header webhook-id (the
// message's id) is what a receiver removes duplicates by. 2xx is success, everything else is tried again with full jitter
// until the attempts are used up; then it is a dead letter. A delivery that the receiver's open circuit stopped is no attempt.
// The store is the queue: wake() only shortens the wait until the next look at it, which comes every second anyway.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
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
#include "sample-service/telemetry/span.h"
#include "sample-service/worker/attempt.h"
#include "sample-service/worker/fair.h"

namespace courier {

struct WorkerOptions {
  std::size_t threads = 4;
  int max_attempts = 8;
  Duration first_delay{1'000};  // four times as long with each attempt, jittered
  Duration longest_delay{3'600'000};
  Duration deadline{10'000};  // of one delivery
  Duration lease{10'000};     // extended at each third of it while a delivery runs
};

// The longest that a delivery may wait for its next attempt, by the attempts it has had: 0, 1, 2, ... A circuit may put it off by as much
// as its longest break besides.
std::vector<Duration> longest_waits(const WorkerOptions& options);

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
    SpanSink* spans = nullptr;  // null: nothing is traced
  };

  // threads 0: nothing is delivered here.
  Worker(WorkerOptions options, Parts parts);
  ~Worker();  // cut(): what is being delivered is given back
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Something became due.
  void wake();
  // Whether a wake-up would find a free worker.
  bool hungry() const;
  // Takes nothing new; what is being delivered goes on.
  void pause();
  // Ends every delivery and gives it back.
  void cut();

 private:
  void dispatch(const std::stop_token& stop);
  // True: something was taken, so there may be more.
  bool take();
  void extend_leases();
  void run(std::size_t number, const std::stop_token& stop);
  void deliver(const Loan& loan, const std::stop_token& stop);
  sluice::http::Request request_of(const Loan& loan, const Attempt& attempt, std::string& origin) const;
  Expected<sluice::http::Response> call(const Loan& loan, const std::stop_token& stop);
  void failed(const Loan& loan, const std::string& error);
  sluice::metrics::Counter dead();
  void give_back(const Loan& loan, Time due);
  void ended(const Loan& loan, bool well);
  Expected<std::shared_ptr<sluice::http::Transport>> transport_to(const std::string& origin);

  const WorkerOptions options_;
  Parts parts_;
  std::atomic<bool> paused_{false};

  mutable std::mutex mutex_;
  std::condition_variable_any due_;   // for the dispatcher
  std::condition_variable_any lent_;  // for the workers
  unsigned long long wakes_ = 0;
  Fair fair_;
  std::deque<Loan> waiting_;                                     // lent, and about to be taken by a worker
  std::map<std::pair<std::string, std::string>, Loan> running_;  // all that are lent here, by message and endpoint
  Duration next_extension_{0};
  std::map<std::string, std::shared_ptr<sluice::http::Transport>> transports_;
  std::vector<std::jthread> threads_;
};

}  // namespace courier
