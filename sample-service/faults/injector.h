// Injects a FaultProfile into a handler. A request that is failed is answered 500 with "X-Fault-Injected: error", so that
// clients can tell it from a real loss; each request is drawn for itself. One thread delays requests and crashes on time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "common/http/server.h"
#include "sample-service/faults/profile.h"

namespace courier {

class Injector {
 public:
  // crash: what ends the process; null: std::abort.
  Injector(FaultProfile profile, Random random, std::function<void()> crash = nullptr);
  ~Injector();  // delayed requests are dropped: answered 500 by the server
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;

  // The handler must not be called after the injector is gone.
  sluice::http::Handler wrap(sluice::http::Handler inner);

 private:
  using Instant = std::chrono::steady_clock::time_point;
  void later(Duration delay, std::function<void()> work);
  void run();

  const FaultProfile profile_;
  const Random random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Instant, std::function<void()>> waiting_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace courier
