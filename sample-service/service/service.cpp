#include "sample-service/service/service.h"

#include <sys/resource.h>

#include <algorithm>

#include "common/core/pause.h"
#include "common/telemetry/log.h"
#include "sample-service/api/receiver_url.h"
#include "sample-service/domain/problem.h"
#include "sample-service/store/open.h"

namespace courier {
namespace {

using sluice::fail;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

constexpr Duration kKeep{24 * 3'600'000};  // ended messages
constexpr Duration kPruneEvery{60'000};
constexpr Duration kLookEvery{1'000};
constexpr Duration kLateLoop{2'000};  // without a tick, of which there are two each second
constexpr Duration kOldestNotice{60'000};
constexpr Duration kFlush{2'000};              // for the last spans
constexpr Duration kHouseLimit{20'000};        // a database that says nothing is given up after some seconds, each time
constexpr std::size_t kOtherDescriptors = 64;  // probes, logs, the broker, listening sockets

TokenRing ring_of(const Settings& settings) {
  auto ring = settings.token_keys.empty() ? TokenRing::random() : TokenRing::parse(settings.token_keys);
  return ring ? *std::move(ring) : TokenRing::random();  // read_settings() has checked it
}

std::unique_ptr<SpanExporter> make_exporter(const Settings& settings, sluice::metrics::Registry& metrics, const Random& random) {
  if (settings.collector.empty()) return nullptr;
  auto transport = sluice::http::make_transport({.url = settings.collector});
  if (!transport) {
    sluice::log::error("nothing is traced", {{"error", to_string(transport.error())}});
    return nullptr;
  }
  return std::make_unique<SpanExporter>(ExporterOptions{.endpoint = settings.collector},
                                        SpanResource{"courier", settings.identity.version, settings.identity.pod},
                                        SpanExporter::Parts{metrics, random, *std::move(transport)});
}

// Clients must not take the last descriptors of the process: without one left its probes fail, it is ended for that, and it can
// neither connect to the database again nor deliver. Who comes when this many are there is answered 503.
std::size_t connections_allowed(const Settings& settings) {
  const std::size_t most = sluice::http::ServerLimits{}.max_connections;
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return most;
  // Each delivery may have a connection in use and one on its way out.
  const std::size_t kept = kOtherDescriptors + settings.connections + 2 * settings.worker.threads;
  const auto all = static_cast<std::size_t>(descriptors.rlim_cur);
  return std::min(most, std::max(all / 4, all - std::min(all, kept)));
}

}  // namespace

Service::Service(Settings settings, TokenRing tokens, Random random)
    : settings_(std::move(settings)),
      random_(std::move(random)),
      tokens_(std::move(tokens)),
      spans_(make_exporter(settings_, metrics_, random_)),
      edge_(settings_.edge, {tokens_, clock_, random_, metrics_, meter_, spans_.get()}),
      last_tick_(settings_.threads) {}

Expected<std::unique_ptr<Service>> Service::start(Settings settings, Extras extras, Random random, MakeTransport make_transport) {
  TokenRing ring = ring_of(settings);
  std::unique_ptr<Service> service(new Service(std::move(settings), std::move(ring), std::move(random)));
  Service& self = *service;
  const Settings& set = self.settings_;
  if (auto opened = self.open_store(); !opened) return tl::make_unexpected(opened.error());
  self.metrics_
      .gauge(
          "build_info", "What this is; always 1.",
          {{"version", set.identity.version}, {"revision", set.revision}, {"mode", self.embedded() ? "embedded" : self.store_->engine()}})
      .set(1);
  self.faults_ = extras.active;
  self.look_at_faults();
  self.make_receivers(std::move(make_transport));
  self.executor_ = std::make_unique<Executor>(
      set.queue, [&self] { self.keep_house(); }, self.store_->parallelism());
  self.make_worker();
  if (auto made = self.make_relay(); !made) return tl::make_unexpected(made.error());
  if (auto made = self.make_api(); !made) return tl::make_unexpected(made.error());
  if (auto shared = self.share_quotas(); !shared) return tl::make_unexpected(shared.error());
  if (!extras.unready.empty()) self.health_.unready("fault", extras.unready);
  if (auto listening = self.listen(extras); !listening) return tl::make_unexpected(listening.error());
  self.health_.started();
  return service;
}

Expected<void> Service::open_store() {
  dependencies_.define("database", settings_.database_is_hard);
  // Soft, whatever is asked for: without it workers look by themselves each second.
  if (!settings_.broker.empty()) dependencies_.define("broker", false);
  auto store =
      courier::open_store({.database = settings_.database, .connections = settings_.connections, .metrics = &metrics_, .clock = &clock_});
  if (!store) return tl::make_unexpected(store.error());
  store_ = std::move(*store);
  look_at_database();  // green from the start, or not at all: start() fails where no round trip succeeds
  if (!embedded()) return {};
  const auto sooner = store_->begin_alone(clock_.now(), longest_waits(settings_.worker));
  // No reason not to begin: a full disk, say, must not keep it from answering what it can.
  if (!sooner) sluice::log::warn("what the process before left is not looked at", {{"error", to_string(sooner.error())}});
  else if (*sooner > 0) sluice::log::info("deliveries that were lent or put off for too long are due sooner", {{"deliveries", *sooner}});
  return {};
}

void Service::make_receivers(MakeTransport make_transport) {
  // A transport to a checked address carries the receiver's name, which only the library's own can be told.
  auto connect = [make_transport = std::move(make_transport)](const sluice::http::Endpoint& endpoint) {
    return endpoint.tls.server_name.empty() ? make_transport(endpoint.url) : sluice::http::make_transport(endpoint);
  };
  ReceiverPolicy policy = settings_.receivers;
  for (std::string& origin : trusted_origins(settings_.endpoints)) policy.trusted.push_back(std::move(origin));
  receivers_ = std::make_unique<Receivers>(std::move(policy), Receivers::Parts{clock_, random_, metrics_, std::move(connect)});
}

void Service::make_worker() {
  WorkerOptions options = settings_.worker;
  if (settings_.role == Role::Api) options.threads = 0;
  worker_ =
      std::make_unique<Worker>(options, Worker::Parts{*store_, *executor_, clock_, random_, metrics_, health_,
                                                      [this](const std::string& origin) { return receivers_->to(origin); }, spans_.get()});
}

Expected<void> Service::make_relay() {
  // The pod's name may be another process's, after a restart of the container.
  self_ = settings_.identity.pod + "-" + new_id(clock_.now(), random_);
  Sleeper sleeper;
  if (settings_.role != Role::Api) sleeper = {[this] { worker_->wake(); }, [this] { return worker_->hungry(); }};
  if (settings_.broker.empty()) {
    wake_ = local_wake(std::move(sleeper));
  } else {
    auto wake = redis_wake({.uri = settings_.broker, .consumer = self_, .metrics = &metrics_}, std::move(sleeper));
    if (!wake) return fail("COURIER_BROKER", wake.error());
    wake_ = std::move(*wake);
  }
  relay_ = std::make_unique<Relay>(Relay::Parts{*store_, *executor_, *wake_, clock_, metrics_, self_});
  return {};
}

Expected<void> Service::make_api() {
  if (settings_.limit_wait.count() > 0) share_ = std::make_unique<AdaptiveShare>(settings_.limit_wait);
  if (!settings_.redis_cache.empty() && settings_.role != Role::Worker) {
    auto redis = redis_for_cache(settings_.redis_cache);
    if (!redis) return fail("COURIER_REDIS_CACHE", redis.error());
    l2_ = std::make_unique<L2>("courier:message", *std::move(redis), L2::Parts{clock_, random_, metrics_});
  }
  api_ = std::make_unique<Api>(ApiParts{settings_.identity,
                                        settings_.endpoints,
                                        settings_.receivers.addresses,
                                        settings_.admin_key,
                                        tokens_,
                                        *store_,
                                        *executor_,
                                        clock_,
                                        random_,
                                        metrics_,
                                        meter_,
                                        [this](const std::string& id) { relay_->stored(id); },
                                        [this](Duration waited) { begun(waited); },
                                        {settings_.cache_bytes, settings_.cache_ttl, l2_.get()},
                                        spans_.get()});
  return {};
}

Expected<void> Service::share_quotas() {
  if (settings_.broker.empty() || settings_.role == Role::Worker || settings_.edge.quota.per_second <= 0) return {};
  auto peers = count_peers({.uri = settings_.broker, .self = self_}, [this](std::size_t processes) { edge_.share_quotas(processes); });
  if (!peers) return fail("COURIER_BROKER", peers.error());
  peers_ = std::move(*peers);
  return {};
}

void Service::begun(Duration waited) {
  if (!share_) return;
  if (const auto share = share_->observe(clock_.monotonic(), waited)) edge_.share_limits(*share, store_->parallelism());
}

Expected<void> Service::listen(const Extras& extras) {
  loop_lag("admin").set(0);
  auto admin_port = sluice::http::serve({.address = settings_.address,
                                         .port = settings_.admin_port,
                                         .on_tick = [this](std::size_t, Duration late) { loop_lag("admin").set(sluice::seconds(late)); }},
                                        [this](const IncomingRequest& in, ReplyPtr reply) { reply->send(admin(in)); });
  if (!admin_port) return fail("admin port", admin_port.error());
  admin_ = std::move(*admin_port);
  if (settings_.role == Role::Worker) return {};

  sluice::http::Handler handler = api_->handler();
  if (extras.wrap) handler = extras.wrap(std::move(handler));
  const auto refusal = [this](int status, const std::string& why) {
    if (status != 500) meter_.rejected("unmatched", std::to_string(status));
    return problem(status, why, status == 503 ? 1 : 0);
  };
  for (std::size_t loop = 0; loop < last_tick_.size(); ++loop) {
    last_tick_[loop] = clock_.monotonic().count();
    loop_lag(std::to_string(loop)).set(0);
  }
  auto data = sluice::http::serve({.address = settings_.address,
                                   .port = settings_.port,
                                   .threads = settings_.threads,
                                   .limits = {.max_connections = connections_allowed(settings_)},
                                   .refusal = refusal,
                                   .on_tick = [this](std::size_t loop, Duration late) { ticked(loop, late); }},
                                  edge_.enter(std::move(handler)), [this](IncomingRequest& head) { return edge_.admit(head); });
  if (!data) return fail("data port", data.error());
  data_ = std::move(*data);
  return {};
}

Service::~Service() {
  // The data port first: its handler uses all the rest.
  data_.reset();
  if (l2_) l2_->end();
  admin_.reset();
  if (relay_) relay_->end();  // while there are an executor and a wake-up to use; it may still be told something
  wake_.reset();
}

sluice::metrics::Gauge Service::loop_lag(const std::string& loop) {
  return metrics_.gauge("event_loop_lag_seconds", "How late the loop's last tick came.", {{"loop", loop}});
}

void Service::ticked(std::size_t loop, Duration late) {
  last_tick_[loop] = clock_.monotonic().count();
  health_.tick("loop-" + std::to_string(loop));
  loop_lag(std::to_string(loop)).set(sluice::seconds(late));
}

std::string Service::late_loop() const {
  if (settings_.role == Role::Worker) return "";
  for (std::size_t loop = 0; loop < last_tick_.size(); ++loop) {
    const Duration since = clock_.monotonic() - Duration(last_tick_[loop].load());
    if (since > kLateLoop) return "loop " + std::to_string(loop) + " has been busy for " + sluice::format_duration(since);
  }
  return "";
}

void Service::keep_house() {
  health_.tick("database", kHouseLimit);
  const Duration now = clock_.monotonic();
  if (now >= next_look_) {
    next_look_ = now + kLookEvery;
    look_at_database();
    look_at_queue();
    look_at_faults();
    receivers_->look();
  }
  if (now >= next_prune_) {
    next_prune_ = now + kPruneEvery;
    const auto pruned = store_->prune(clock_.now(), clock_.now() - kKeep);
    if (!pruned) sluice::log::warn("old messages could not be removed", {{"error", to_string(pruned.error())}});
  }
}

void Service::look_at_database() {
  const Duration begin = clock_.monotonic();
  const auto said = store_->ping();
  const Duration end = clock_.monotonic();
  if (embedded()) clock_.follow_machine();
  else if (said) clock_.set(*said, begin, end);
  metrics_.gauge("clock_ahead_seconds", "How far this machine's clock is ahead of the one that is gone by.")
      .set(sluice::seconds(clock_.ahead()));
  dependencies_.report("database", said ? Expected<void>() : tl::make_unexpected(said.error()), end - begin, clock_.now());
  health_.unready("dependency", dependencies_.why_unready());
  if (settings_.broker.empty()) return;
  // Its own connection asks it all the time.
  const bool up = metrics_.gauge("broker_up", "1 while the broker of wake-ups answers.").value() == 1;
  const auto away = fail(sluice::Error::Kind::Unavailable, "no connection; workers look for due deliveries by themselves");
  dependencies_.report("broker", up ? Expected<void>() : Expected<void>(away), Duration(0), clock_.now());
}

void Service::look_at_faults() {
  metrics_.gauge("fault_injection_active", "1 while faults are injected on purpose.").set(faults_ && faults_() ? 1 : 0);
}

void Service::look_at_queue() {
  const Time now = clock_.now();
  const auto queue = store_->queue(now);
  if (!queue) return;  // look_at_database() has told it
  metrics_.gauge("queue_depth", "Deliveries that are not ended.").set(static_cast<double>(queue->pending));
  metrics_.gauge("queue_lag_messages", "Deliveries that might be made now.").set(static_cast<double>(queue->due));
  metrics_.gauge("queue_oldest_age_seconds", "How long the longest due delivery has waited.").set(sluice::seconds(now - queue->oldest_due));
  metrics_.gauge("outbox_oldest_age_seconds", "How long the oldest notice of what was taken in has not been passed on.")
      .set(sluice::seconds(now - queue->oldest_notice));
  edge_.hold_intake(now - queue->oldest_notice > kOldestNotice);
}

// Exemplars are for who asks for OpenMetrics, as Prometheus does.
Response Service::metrics(const IncomingRequest& in) {
  const auto accept = in.request.headers.find("Accept");
  if (!spans_ || accept == in.request.headers.end() || accept->second.find("application/openmetrics-text") == std::string::npos) {
    return metrics_.answer();
  }
  return {200,
          {{"Content-Type", std::string(sluice::metrics::kOpenMetricsType)}},
          sluice::metrics::to_open_metrics(metrics_.text(), meter_.exemplars())};
}

Response Service::admin(const IncomingRequest& in) {
  const std::string& path = in.path;
  if (path == "/metrics") return metrics(in);
  if (path == "/healthz/dependencies") return dependencies_.answer();
  if (path == "/readyz") health_.unready("event-loop", late_loop());
  auto probe = health_.answer(path);
  if (!probe) return problem(404, "the admin port has /startupz, /livez, /readyz, /healthz/dependencies and /metrics");
  if (path == "/readyz" && in.query == "verbose") {
    const auto live = *health_.answer("/livez");
    probe->body += (data_ ? "[+] in flight: " + std::to_string(data_->in_flight()) + "\n" : "") +
                   (live.status == 200 ? "[+] loops: ok\n" : "[-] " + live.body) + dependencies_.lines();
  }
  return *std::move(probe);
}

void Service::drain(const std::stop_token& hurry) {
  sluice::log::info("draining", {{"lame_duck_seconds", settings_.lame_duck}});
  health_.unready("draining", "asked to end");
  worker_->pause();
  sluice::pause(settings_.lame_duck, hurry);
  if (data_) data_->close_after_answer();
  sluice::pause(settings_.closing, hurry);
  if (data_) data_->drain(hurry.stop_requested() ? Duration(0) : settings_.finish);
  // Its loops have ended on purpose.
  for (std::size_t loop = 0; loop < settings_.threads; ++loop) health_.forget("loop-" + std::to_string(loop));
  worker_->cut();
  relay_->end();
  if (spans_) spans_->end(kFlush);
  sluice::log::info("drained");
}

}  // namespace courier
