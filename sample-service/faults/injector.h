// Injects a FaultProfile into a handler. A request that is failed is answered 500 with "X-Fault-Injected: error", so that
// clients can tell it from a real loss; each request is drawn for itself. One thread delays requests and crashes on time. Errors and
// latency end by themselves when the profile's time is over.
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
  using Instant = std::chrono::steady_clock::time_point;
  // crash: what ends the process; null: std::abort. now: when it is; null: the steady clock, which delays go by in any case.
  Injector(FaultProfile profile, Random random, std::function<void()> crash = nullptr, std::function<Instant()> now = nullptr);
  ~Injector();  // delayed requests are dropped: answered 500 by the server
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;

  // Whether faults are injected now. Thread-safe.
  bool active() const { return profile_.active() && (profile_.never_ready || now_() < end_); }

  // The handler must not be called after the injector is gone.
  sluice::http::Handler wrap(sluice::http::Handler inner);

 private:
  void later(Duration delay, std::function<void()> work);
  void run();

  const FaultProfile profile_;
  const Random random_;
  const std::function<Instant()> now_;
  const Instant end_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Instant, std::function<void()>> waiting_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace courier
