#include "controller/operator/operator.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "common/core/pause.h"
#include "common/telemetry/log.h"
#include "controller/kube/events.h"
#include "controller/kube/leader_election.h"
#include "controller/kube/work_queue.h"
#include "controller/operator/reconciler.h"

namespace sluice::op {
namespace {

// While the API server is out of reach a bad canary may have traffic: when it is back, the way back does not wait long.
constexpr Backoff kReconcileBackoff{Duration(50), Duration(10'000)};

// Uniform in [0, 1), from any thread.
std::function<double()> chance() {
  struct Source {
    std::mutex mutex;
    std::mt19937_64 engine{std::random_device{}()};
  };
  auto source = std::make_shared<Source>();
  return [source] {
    std::lock_guard lock(source->mutex);
    return std::uniform_real_distribution<double>(0, 1)(source->engine);
  };
}

// Events of the engine as Kubernetes events, so that `kubectl describe` tells the story.
class KubeEvents final : public EventSink {
 public:
  KubeEvents(kube::Api& api, const std::string& identity, const Clock& clock) : recorder_(api, {"sluice.dev/operator", identity}, clock) {}

  void emit(const model::Rollout& about, const engine::Emit& event) override {
    const auto type = event.warning ? kube::EventText::Type::Warning : kube::EventText::Type::Normal;
    recorder_.record(kube::reference(kube::resources::kRollouts, about.meta), {type, event.reason, event.reason, event.message});
    log::info(event.message, {{"rollout", about.meta.key().str()}, {"event", event.reason}});
  }
  void run(std::stop_token stop) { recorder_.run(stop); }

 private:
  kube::EventRecorder recorder_;
};

// Nobody hears of a change of object before the caches are complete, and only the leader works; so what happened before is
// queued whole when leadership begins.
class Shell {
 public:
  Shell(kube::Api& api, kube::Api& lease_api, const OperatorOptions& options, const Clock& clock, metrics::Registry& metrics,
        telemetry::Health& health)
      : api_(api),
        options_(options),
        clock_(clock),
        health_(health),
        unit_(chance()),
        caches_(api, options.ns, clock, unit_,
                [](const std::string& kind, const Error& error) {
                  log::warn("watching failed, will be tried again", {{"kind", kind}, {"error", to_string(error)}});
                }),
        elector_(lease_api, leader_options(), clock, unit_),
        queue_(clock, unit_, kReconcileBackoff),
        events_(api, options.identity, clock),
        executor_(api, caches_, events_, clock, [this] { return may_write(); }),
        analysis_(
            options.prometheus, options.allowed_urls, http::make_transport, [this](const kube::Name& rollout) { queue_.add(rollout); },
            clock, options.samplers),
        reconciler_(api, caches_, executor_, analysis_, clock, {options.gate_by_policy, options.prometheus}),
        reconciles_(metrics.counter("sluice_reconciles_total", "Reconciles by outcome", {{"outcome", "ok"}})),
        failures_(metrics.counter("sluice_reconciles_total", "Reconciles by outcome", {{"outcome", "error"}})),
        leads_(metrics.gauge("sluice_leader", "1 while this process holds the lease")) {
    metrics.before_text([this, rollouts = metrics.gauge("sluice_rollouts", "Rollouts in the cache")] {
      rollouts.set(static_cast<double>(caches_.rollouts.store().size()));
      leads_.set(may_write() ? 1 : 0);
    });
    caches_.on_concern([this](const kube::Name& rollout) {
      if (working_) queue_.add(rollout);
    });
  }

  void run(std::stop_token stop) {
    std::vector<std::jthread> threads;
    caches_.each([&](auto& informer) { threads.emplace_back([&informer](std::stop_token s) { informer.run(s); }); });
    std::jthread recorder([this](std::stop_token s) { events_.run(s); });
    health_.unready("caches", "the first lists are not complete");
    std::jthread warm([this](std::stop_token s) { wait_for_caches(s); });
    std::stop_callback end(stop, [&] {
      for (auto& thread : threads) thread.request_stop();
      warm.request_stop();
    });
    if (!options_.leader_election) {
      work(stop);
    } else {
      while (!stop.stop_requested()) {
        if (kube::run_elected(elector_, stop, [this](std::stop_token s) { work(s); }))
          log::warn("leadership is lost; standing by", {{"identity", options_.identity}});
      }
    }
    for (auto& thread : threads) thread.request_stop();
  }

 private:
  kube::LeaderOptions leader_options() const {
    kube::LeaderOptions leader;
    leader.lease = options_.lease;
    leader.identity = options_.identity;
    leader.on_error = [](const Error& error) { log::warn("leader election", {{"error", to_string(error)}}); };
    return leader;
  }

  bool may_write() const { return !options_.leader_election || elector_.is_leader(); }

  void wait_for_caches(std::stop_token stop) {
    while (!stop.stop_requested() && !caches_.synced()) pause(Duration(50), stop);
    if (!stop.stop_requested()) health_.unready("caches", "");
  }

  void work(std::stop_token stop) {
    log::info("leading", {{"identity", options_.identity}, {"gate", options_.gate_by_policy ? "Policy" : "Pause"}});
    wait_for_caches(stop);
    working_ = true;
    for (const auto& rollout : caches_.concerned()) queue_.add(rollout);
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < options_.workers; ++i) workers.emplace_back([this, stop] { work_off(stop); });
    workers.clear();
    working_ = false;
  }

  void work_off(std::stop_token stop) {
    while (const auto rollout = queue_.take(stop)) {
      if (!may_write()) {
        queue_.add(*rollout);  // a renewal that comes late is no loss of the lease: whoever goes on must not miss it
        queue_.done(*rollout);
        return;
      }
      const auto again = reconciler_.reconcile(*rollout);
      if (again) {
        reconciles_.add();
        queue_.forget(*rollout);
        if (*again) queue_.add_after(*rollout, std::max(Duration(0), **again - clock_.now()));
      } else if (again.error().is(Error::Kind::Conflict)) {
        reconciles_.add();
        queue_.add_after(*rollout, Duration(5));  // the world moved on: what it says now arrives within milliseconds
      } else {
        failures_.add();
        const Duration delay = queue_.add_failed(*rollout, again.error().retry_after);
        log::warn("reconcile failed", {{"rollout", rollout->str()}, {"error", to_string(again.error())}, {"again_in", delay}});
      }
      queue_.done(*rollout);
    }
  }

  kube::Api& api_;
  const OperatorOptions& options_;
  const Clock& clock_;
  telemetry::Health& health_;
  std::function<double()> unit_;
  Caches caches_;
  kube::LeaderElector elector_;
  kube::WorkQueue<kube::Name> queue_;
  KubeEvents events_;
  Executor executor_;
  PrometheusAnalysis analysis_;
  Reconciler reconciler_;
  metrics::Counter reconciles_;
  metrics::Counter failures_;
  metrics::Gauge leads_;
  std::atomic<bool> working_ = false;
};

}  // namespace

Expected<void> run_operator(kube::Api& api, kube::Api& lease_api, const OperatorOptions& options, const Clock& clock,
                            metrics::Registry& metrics, telemetry::Health& health, std::stop_token stop) {
  Shell shell(api, lease_api, options, clock, metrics, health);
  health.started();
  shell.run(stop);
  return {};
}

}  // namespace sluice::op
