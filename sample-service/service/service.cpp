#include "sample-service/service/service.h"

#include "common/telemetry/log.h"
#include "sample-service/api/api.h"
#include "sample-service/api/metered.h"
#include "sample-service/domain/problem.h"

namespace courier {
namespace {

using sluice::fail;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;

constexpr Duration kKeep{24 * 3'600'000};  // answers and ended messages
constexpr Duration kPruneEvery{60'000};
constexpr Duration kCountEvery{1'000};

}  // namespace

Expected<std::unique_ptr<Service>> Service::start(Settings settings, Extras extras, Random random, MakeTransport make_transport) {
  std::unique_ptr<Service> service(new Service(std::move(settings), std::move(random)));
  Service& self = *service;
  const Settings& set = self.settings_;

  self.metrics_.gauge("build_info", "What this is; always 1.",
                      {{"version", set.identity.version}, {"revision", set.revision}, {"mode", "embedded"}}).set(1);
  self.metrics_.gauge("fault_injection_active", "1 while faults are injected on purpose.").set(extras.active ? 1 : 0);

  auto store = open_sqlite(set.database);
  if (!store) return tl::make_unexpected(store.error());
  self.store_ = std::move(*store);
  self.executor_ = std::make_unique<Executor>(set.queue, [&self] { self.keep_house(); });
  self.worker_ = std::make_unique<Worker>(set.worker, Worker::Parts{*self.store_, *self.executor_, self.clock_, self.random_,
                                                                    self.metrics_, self.health_, std::move(make_transport)});

  auto admin = sluice::http::serve({.address = set.address, .port = set.admin_port},
                                   [&self](const IncomingRequest& in, ReplyPtr reply) { reply->send(self.admin(in.path)); });
  if (!admin) return fail("admin port", admin.error());
  self.admin_ = std::move(*admin);

  sluice::http::Handler handler = make_api({set.identity, set.endpoints, *self.store_, *self.executor_, self.clock_, self.random_,
                                            self.metrics_, [&self] { self.worker_->wake(); }});
  if (extras.wrap) handler = extras.wrap(std::move(handler));
  if (extras.never_ready) self.health_.unready("fault", "never ready, as the fault profile asks");
  auto data = sluice::http::serve({.address = set.address, .port = set.port, .threads = set.threads},
                                  metered(std::move(handler), self.metrics_));
  if (!data) return fail("data port", data.error());
  self.data_ = std::move(*data);
  self.health_.started();
  return service;
}

Service::~Service() {
  // The data port first: its handler uses all the rest.
  data_.reset();
  admin_.reset();
}

void Service::keep_house() {
  health_.tick("database");
  const Duration now = clock_.monotonic();
  if (now >= next_count_) {
    next_count_ = now + kCountEvery;
    metrics_.gauge("queue_depth", "Messages that wait for delivery.").set(static_cast<double>(store_->pending().value_or(0)));
  }
  if (now >= next_prune_) {
    next_prune_ = now + kPruneEvery;
    const auto pruned = store_->prune(clock_.now() - kKeep);
    if (!pruned) sluice::log::warn("old messages could not be removed", {{"error", to_string(pruned.error())}});
  }
}

sluice::http::Response Service::admin(const std::string& path) const {
  if (path == "/metrics") return metrics_.answer();
  if (auto probe = health_.answer(path)) return *std::move(probe);
  return problem(404, "the admin port has /startupz, /livez, /readyz and /metrics");
}

void Service::wait(Duration length, const std::stop_token& hurry) {
  std::unique_lock lock(mutex_);
  never_.wait_for(lock, hurry, length, [] { return false; });
}

void Service::drain(const std::stop_token& hurry) {
  sluice::log::info("draining", {{"lame_duck_seconds", settings_.lame_duck}});
  health_.unready("draining", "asked to end");
  worker_->pause();
  wait(settings_.lame_duck, hurry);
  data_->close_after_answer();
  wait(settings_.closing, hurry);
  data_->drain(hurry.stop_requested() ? Duration(0) : settings_.finish);
  worker_->cut();
  sluice::log::info("drained");
}

}  // namespace courier
