#include "sample-service/worker/worker.h"

#include <chrono>

#include "common/core/backoff.h"
#include "common/http/url.h"
#include "common/telemetry/log.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr Duration kPoll{1'000};
constexpr Duration kLeaseMargin{20'000};
constexpr std::size_t kTransports = 64;

// Path and query as they were given, a trailing slash included.
std::string target_of(const std::string& endpoint) {
  const auto begin = endpoint.find_first_of("/?", endpoint.find("://") + 3);
  if (begin == std::string::npos) return "/";
  return (endpoint[begin] == '?' ? "/" : "") + endpoint.substr(begin);
}

}  // namespace

Worker::Worker(WorkerOptions options, Parts parts) : options_(options), parts_(std::move(parts)) {
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i](const std::stop_token& stop) { run(i, stop); });
  }
}

Worker::~Worker() { cut(); }

void Worker::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  due_.notify_one();
}

void Worker::pause() { paused_ = true; }

void Worker::cut() {
  for (auto& thread : threads_) thread.request_stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Worker::run(std::size_t number, const std::stop_token& stop) {
  const std::string loop = "worker-" + std::to_string(number);
  unsigned long long seen = 0;
  while (!stop.stop_requested()) {
    parts_.health.tick(loop, options_.deadline + kLeaseMargin);
    if (!paused_) {
      const auto claimed = parts_.executor.call([&] { return parts_.store.claim(parts_.clock.now(), options_.deadline + kLeaseMargin); });
      if (claimed && *claimed) {
        deliver(**claimed, stop);
        continue;
      }
      if (!claimed) sluice::log::warn("no message could be claimed", {{"error", to_string(claimed.error())}});
    }
    std::unique_lock lock(mutex_);
    due_.wait_for(lock, stop, kPoll, [&] { return wakes_ != seen; });
    seen = wakes_;
  }
  parts_.health.forget(loop);
}

void Worker::deliver(const Loan& loan, const std::stop_token& stop) {
  const auto begin = parts_.clock.monotonic();
  const auto finish = [&](const std::string& outcome) {
    parts_.metrics
        .histogram("job_duration_seconds", "How long one attempt to deliver took.", sluice::metrics::request_duration_bounds(),
                   {{"outcome", outcome}})
        .observe(sluice::seconds(parts_.clock.monotonic() - begin));
  };
  const auto url = sluice::http::parse_url(loan.message.endpoint);
  sluice::http::Request request;
  std::string origin = loan.message.endpoint;
  if (url) {
    sluice::http::Url base = *url;
    base.path.clear();
    origin = to_string(base);
    request.target = target_of(loan.message.endpoint);
  }
  request.method = "POST";
  request.headers["Content-Type"] = "application/json";
  request.headers["webhook-id"] = loan.message.id;
  request.headers["webhook-timestamp"] = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(parts_.clock.now().time_since_epoch()).count());
  request.body = loan.message.body;
  request.deadline = options_.deadline;
  request.max_body = 64 * 1024;

  const auto transport = transport_to(origin);
  const auto answer = transport ? (*transport)->send(request, stop) : tl::make_unexpected(transport.error());
  if (!answer && answer.error().is(Error::Kind::Cancelled)) {
    finish("cut");
    const auto back = parts_.executor.call([&] { return parts_.store.give_back(loan); });
    if (!back) sluice::log::warn("a message stays lent until its lease ends", {{"message_id", loan.message.id}, {"error", to_string(back.error())}});
    return;
  }
  if (!answer || answer->status / 100 != 2) {
    finish("failed");
    return failed(loan, answer ? "the receiver answered " + std::to_string(answer->status) : answer.error().message);
  }
  finish("delivered");
  const auto stored = parts_.executor.call([&] { return parts_.store.delivered(loan); });
  if (!stored) sluice::log::warn("a delivery will be repeated", {{"message_id", loan.message.id}, {"error", to_string(stored.error())}});
}

void Worker::failed(const Loan& loan, const std::string& error) {
  Expected<void> stored;
  if (loan.message.attempts >= options_.max_attempts) {
    parts_.metrics.counter("job_dead_total", "Messages given up.").add();
    sluice::log::warn("a message was given up", {{"message_id", loan.message.id}, {"attempts", loan.message.attempts}, {"error", error}});
    stored = parts_.executor.call([&] { return parts_.store.give_up(loan, error); });
  } else {
    sluice::Backoff backoff{options_.first_delay, options_.longest_delay, loan.message.attempts - 1};
    const Time again = parts_.clock.now() + backoff.next(parts_.random());
    stored = parts_.executor.call([&] { return parts_.store.retry(loan, again, error); });
  }
  if (!stored) sluice::log::warn("the outcome of a delivery is lost", {{"message_id", loan.message.id}, {"error", to_string(stored.error())}});
}

Expected<std::shared_ptr<sluice::http::Transport>> Worker::transport_to(const std::string& origin) {
  const std::lock_guard lock(mutex_);
  if (const auto found = transports_.find(origin); found != transports_.end()) return found->second;
  auto made = parts_.make_transport(origin);
  if (!made) return made;
  // Endpoints are few; when they are not, starting over costs a handshake each and bounds the memory.
  if (transports_.size() >= kTransports) transports_.clear();
  return transports_.emplace(origin, *made).first->second;
}

}  // namespace courier
