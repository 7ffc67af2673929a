// courier put together: store, executor, worker, data port and admin port, and their orderly end.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "common/core/clock.h"
#include "common/http/server.h"
#include "common/telemetry/health.h"
#include "common/telemetry/metrics.h"
#include "sample-service/admission/adaptive_share.h"
#include "sample-service/api/api.h"
#include "sample-service/api/edge.h"
#include "sample-service/service/dependencies.h"
#include "sample-service/service/settings.h"
#include "sample-service/store/store_clock.h"
#include "sample-service/telemetry/exporter.h"
#include "sample-service/trust/receivers.h"
#include "sample-service/trust/token.h"
#include "sample-service/wake/peers.h"
#include "sample-service/wake/wake.h"
#include "sample-service/worker/relay.h"

namespace courier {

// What the drill build adds; the release build passes none, and no code of it is in its binary.
struct Extras {
  std::function<sluice::http::Handler(sluice::http::Handler)> wrap = nullptr;  // around the data port's handler
  std::function<bool()> active = nullptr;                                      // fault_injection_active; asked each second
  std::string unready{};                                                       // why it never is ready; empty: it is
  bool exit_on_term = false;                                                   // no drain at all
};

class Service {
 public:
  // Errors: Unavailable (a port is taken, the database cannot be opened), Invalid (a wrong address).
  static Expected<std::unique_ptr<Service>> start(Settings settings, Extras extras, Random random, MakeTransport make_transport);
  ~Service();  // stops at once; drain() first when clients matter

  std::uint16_t port() const { return data_ ? data_->port() : 0; }  // 0: role Worker has none
  std::uint16_t admin_port() const { return admin_->port(); }

  // Unready, but serving on while endpoints and gateways catch up; then "Connection: close"; then no new connections and
  // the end of what runs; then deliveries in flight are given back. Liveness stays green. Blocks; `hurry` cuts the waits.
  void drain(const std::stop_token& hurry = {});

 private:
  Service(Settings settings, TokenRing tokens, Random random);
  Expected<void> open_store();
  void make_receivers(MakeTransport make_transport);
  void make_worker();
  Expected<void> make_relay();
  Expected<void> make_api();
  Expected<void> share_quotas();
  void begun(Duration waited);
  Expected<void> listen(const Extras& extras);
  void keep_house();  // each second on a thread of the executor
  void look_at_faults();
  void look_at_queue();
  void look_at_database();
  bool embedded() const { return store_->engine() == "sqlite"; }  // the store is this process's alone, and has no clock
  sluice::metrics::Gauge loop_lag(const std::string& loop);
  void ticked(std::size_t loop, Duration late);
  std::string late_loop() const;
  sluice::http::Response admin(const sluice::http::IncomingRequest& in);
  sluice::http::Response metrics(const sluice::http::IncomingRequest& in);

  Settings settings_;
  Random random_;
  std::string self_{};  // this process, unlike all others
  std::function<bool()> faults_{};
  sluice::SystemClock machine_clock_;
  StoreClock clock_{machine_clock_};
  sluice::metrics::Registry metrics_;
  sluice::telemetry::Health health_{clock_};
  Dependencies dependencies_;
  TokenRing tokens_;
  std::unique_ptr<SpanExporter> spans_;  // null: nothing is traced
  Meter meter_{metrics_};
  Edge edge_;
  std::unique_ptr<AdaptiveShare> share_;           // null: limits are what they are set to
  std::vector<std::atomic<long long>> last_tick_;  // of each loop, monotonic milliseconds
  Duration next_prune_{0};
  Duration next_look_{0};

  // In this order: each uses those above, so they end from below. What waits in the executor uses the API.
  std::unique_ptr<Store> store_;
  std::unique_ptr<Receivers> receivers_;
  std::unique_ptr<L2> l2_;  // ended before the executor is: it passes on to it what it has not
  std::unique_ptr<Api> api_;
  std::unique_ptr<Relay> relay_;  // what the API tells of what was stored
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Wake> wake_;
  std::unique_ptr<Peers> peers_;  // null: this process alone grants the tenants' quotas
  std::unique_ptr<sluice::http::Server> admin_;
  std::unique_ptr<sluice::http::Server> data_;
};

}  // namespace courier
