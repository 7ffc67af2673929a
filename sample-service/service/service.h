// courier put together: store, executor, worker, data port and admin port, and their orderly end.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>

#include "common/core/clock.h"
#include "common/http/server.h"
#include "common/telemetry/health.h"
#include "common/telemetry/metrics.h"
#include "sample-service/service/settings.h"

namespace courier {

// What the drill build adds; the release build passes none, and no code of it is in its binary.
struct Extras {
  std::function<sluice::http::Handler(sluice::http::Handler)> wrap = nullptr;   // around the data port's handler
  bool active = false;                     // fault_injection_active
  bool never_ready = false;
  bool exit_on_term = false;               // no drain at all
};

class Service {
 public:
  // Errors: Unavailable (a port is taken, the database cannot be opened), Invalid (a wrong address).
  static Expected<std::unique_ptr<Service>> start(Settings settings, Extras extras, Random random, MakeTransport make_transport);
  ~Service();                              // stops at once; drain() first when clients matter

  std::uint16_t port() const { return data_->port(); }
  std::uint16_t admin_port() const { return admin_->port(); }

  // Unready, but serving on while endpoints and gateways catch up; then "Connection: close"; then no new connections and
  // the end of what runs; then deliveries in flight are given back. Liveness stays green. Blocks; `hurry` cuts the waits.
  void drain(const std::stop_token& hurry = {});

 private:
  Service(Settings settings, Random random) : settings_(std::move(settings)), random_(std::move(random)) {}
  void wait(Duration length, const std::stop_token& hurry);
  void keep_house();                       // each second on the executor's thread
  sluice::http::Response admin(const std::string& path) const;

  Settings settings_;
  Random random_;
  sluice::SystemClock clock_;
  sluice::metrics::Registry metrics_;
  sluice::telemetry::Health health_{clock_};
  std::mutex mutex_;
  std::condition_variable_any never_;
  Duration next_prune_{0};
  Duration next_count_{0};

  // In this order: each uses those above, so they end from below.
  std::unique_ptr<Store> store_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<sluice::http::Server> admin_;
  std::unique_ptr<sluice::http::Server> data_;
};

}  // namespace courier
