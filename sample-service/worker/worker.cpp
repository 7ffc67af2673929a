#include "sample-service/worker/worker.h"

#include <chrono>

#include "common/core/backoff.h"
#include "common/http/url.h"
#include "common/telemetry/log.h"
#include "sample-service/domain/signature.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr Duration kPoll{1'000};
constexpr Duration kWell{1'000};
constexpr Duration kPatience{20'000};  // of the probe, beyond a delivery's deadline
constexpr std::size_t kTransports = 64;

// Path and query as they were given, a trailing slash included.
std::string target_of(const std::string& endpoint) {
  const auto begin = endpoint.find_first_of("/?", endpoint.find("://") + 3);
  if (begin == std::string::npos) return "/";
  return (endpoint[begin] == '?' ? "/" : "") + endpoint.substr(begin);
}

// Two doublings for each attempt: eight of them reach from a second to an hour. One before the first: what failed at one time must not come
// back at one time.
sluice::Backoff backoff_after(const WorkerOptions& options, int attempts) {
  return {options.first_delay, options.longest_delay, 2 * attempts - 1};
}

}  // namespace

std::vector<Duration> longest_waits(const WorkerOptions& options) {
  std::vector<Duration> waits{Duration(0)};
  for (int attempts = 1; attempts <= options.max_attempts; ++attempts) waits.push_back(backoff_after(options, attempts).next(1));
  return waits;
}

Worker::Worker(WorkerOptions options, Parts parts) : options_(options), parts_(std::move(parts)), fair_(options.threads) {
  dead().add(0);
  if (options_.threads == 0) return;
  threads_.emplace_back([this](const std::stop_token& stop) { dispatch(stop); });
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

bool Worker::hungry() const {
  const std::lock_guard lock(mutex_);
  return !paused_ && running_.size() < options_.threads;
}

void Worker::pause() { paused_ = true; }

void Worker::cut() {
  for (auto& thread : threads_) thread.request_stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  // Lent, but no worker came to it.
  std::deque<Loan> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(waiting_);
  }
  for (const Loan& loan : left) {
    give_back(loan, parts_.clock.now());
    ended(loan, false);
  }
}

void Worker::dispatch(const std::stop_token& stop) {
  unsigned long long seen = 0;
  while (!stop.stop_requested()) {
    parts_.health.tick("dispatcher", options_.deadline + kPatience);
    {
      const std::lock_guard lock(mutex_);
      seen = wakes_;
    }
    if (!paused_ && hungry() && take()) continue;
    extend_leases();
    std::unique_lock lock(mutex_);
    due_.wait_for(lock, stop, std::min(kPoll, options_.lease / 4), [&] { return wakes_ != seen; });
  }
  parts_.health.forget("dispatcher");
}

bool Worker::take() {
  const Time now = parts_.clock.now();
  const auto backlog = parts_.executor.call([&] { return parts_.store.backlog(now); });
  if (!backlog) {
    sluice::log::warn("no delivery could be claimed", {{"error", to_string(backlog.error())}});
    return false;
  }
  std::vector<Pick> picks;
  {
    const std::lock_guard lock(mutex_);
    picks = fair_.choose(*backlog, options_.threads - std::min(options_.threads, running_.size()), now);
  }
  if (picks.empty()) return false;
  auto loans = parts_.executor.call([&] { return parts_.store.claim(picks, now, options_.lease); });
  if (!loans) {
    sluice::log::warn("no delivery could be claimed", {{"error", to_string(loans.error())}});
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    for (Loan& loan : *loans) {
      fair_.started(loan.receiver);
      running_[{loan.delivery.message, loan.delivery.endpoint}] = loan;
      waiting_.push_back(std::move(loan));
    }
  }
  lent_.notify_all();
  return !loans->empty();
}

void Worker::extend_leases() {
  const Duration monotonic = parts_.clock.monotonic();
  if (monotonic < next_extension_) return;
  next_extension_ = monotonic + options_.lease / 3;
  std::vector<Loan> loans;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, loan] : running_) loans.push_back(loan);
  }
  if (loans.empty()) return;
  const auto extended = parts_.executor.call([&] { return parts_.store.extend(loans, parts_.clock.now() + options_.lease); });
  if (!extended) sluice::log::warn("leases could not be extended", {{"error", to_string(extended.error())}});
}

void Worker::run(std::size_t number, const std::stop_token& stop) {
  const std::string loop = "worker-" + std::to_string(number);
  while (!stop.stop_requested()) {
    parts_.health.tick(loop, options_.deadline + kPatience);
    std::unique_lock lock(mutex_);
    if (!lent_.wait_for(lock, stop, kPoll, [&] { return !waiting_.empty(); })) continue;
    if (stop.stop_requested()) break;  // cut() gives back what is left
    const Loan loan = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    deliver(loan, stop);
  }
  parts_.health.forget(loop);
}

sluice::http::Request Worker::request_of(const Loan& loan, const Attempt& attempt, std::string& origin) const {
  sluice::http::Request request;
  origin = loan.delivery.url;
  if (auto url = sluice::http::parse_url(loan.delivery.url)) {
    url->path.clear();
    origin = to_string(*url);
    request.target = target_of(loan.delivery.url);
  }
  const Time now = parts_.clock.now();
  const auto timestamp = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  request.method = "POST";
  request.headers["Content-Type"] = "application/json";
  request.headers["webhook-id"] = loan.delivery.message;
  request.headers["webhook-timestamp"] = std::to_string(timestamp);
  const auto secrets = signing_secrets(loan.secret, loan.old_secrets, now);
  if (!secrets.empty()) request.headers["webhook-signature"] = sign_with_each(secrets, loan.delivery.message, timestamp, loan.payload);
  if (attempt.step) request.headers["traceparent"] = attempt.step->header();
  request.body = loan.payload;
  request.deadline = options_.deadline;
  request.max_body = 64 * 1024;
  return request;
}

Expected<sluice::http::Response> Worker::call(const Loan& loan, const std::stop_token& stop) {
  const Attempt attempt = begin_attempt(loan, parts_.random);
  std::string origin;
  const auto request = request_of(loan, attempt, origin);
  const auto transport = transport_to(origin);
  auto answer = transport ? (*transport)->send(request, stop) : tl::make_unexpected(transport.error());
  if (parts_.spans && attempt.sampled()) {
    if (auto waited = wait_span(loan, attempt, parts_.random)) parts_.spans->offer(*std::move(waited));
    parts_.spans->offer(delivery_span(loan, attempt, origin, answer));
  }
  return answer;
}

void Worker::deliver(const Loan& loan, const std::stop_token& stop) {
  const auto begin = parts_.clock.monotonic();
  const auto finish = [&](const std::string& outcome) {
    parts_.metrics
        .histogram("job_duration_seconds", "How long one attempt to deliver took.", sluice::metrics::request_duration_bounds(),
                   {{"outcome", outcome}})
        .observe(sluice::seconds(parts_.clock.monotonic() - begin));
  };
  if (loan.delivery.url.empty()) {
    finish("failed");
    const auto stored = parts_.executor.call([&] { return parts_.store.give_up(loan, "its endpoint was deleted"); });
    if (!stored)
      sluice::log::warn("the outcome of a delivery is lost", {{"message_id", loan.delivery.message}, {"error", to_string(stored.error())}});
    return ended(loan, false);
  }
  const auto answer = call(loan, stop);
  if (!answer && answer.error().is(Error::Kind::Cancelled)) {
    finish("cut");
    give_back(loan, parts_.clock.now());
    return ended(loan, false);
  }
  if (!answer && answer.error().retry_after.count() > 0) {
    finish("held");
    const Time until = parts_.clock.now() + answer.error().retry_after;
    give_back(loan, until);
    {
      const std::lock_guard lock(mutex_);
      fair_.hold(loan.receiver, until);
    }
    return ended(loan, false);
  }
  if (!answer || answer->status / 100 != 2) {
    finish("failed");
    failed(loan, answer ? "the receiver answered " + std::to_string(answer->status) : answer.error().message);
    return ended(loan, false);
  }
  finish("delivered");
  const bool well = parts_.clock.monotonic() - begin < kWell;
  const auto stored = parts_.executor.call([&] { return parts_.store.delivered(loan); });
  if (!stored)
    sluice::log::warn("a delivery will be repeated", {{"message_id", loan.delivery.message}, {"error", to_string(stored.error())}});
  ended(loan, well);
}

void Worker::failed(const Loan& loan, const std::string& error) {
  Expected<void> stored;
  if (loan.delivery.attempts >= options_.max_attempts) {
    dead().add();
    sluice::log::warn("a delivery was given up",
                      {{"message_id", loan.delivery.message}, {"attempts", loan.delivery.attempts}, {"error", error}});
    stored = parts_.executor.call([&] { return parts_.store.give_up(loan, error); });
  } else {
    const Time again = parts_.clock.now() + backoff_after(options_, loan.delivery.attempts).next(parts_.random());
    stored = parts_.executor.call([&] { return parts_.store.retry(loan, again, error); });
  }
  if (!stored)
    sluice::log::warn("the outcome of a delivery is lost", {{"message_id", loan.delivery.message}, {"error", to_string(stored.error())}});
}

sluice::metrics::Counter Worker::dead() { return parts_.metrics.counter("job_dead_total", "Deliveries given up."); }

void Worker::give_back(const Loan& loan, Time due) {
  const auto back = parts_.executor.call([&] { return parts_.store.give_back(loan, due); });
  if (!back)
    sluice::log::warn("a delivery stays lent until its lease ends",
                      {{"message_id", loan.delivery.message}, {"error", to_string(back.error())}});
}

void Worker::ended(const Loan& loan, bool well) {
  {
    const std::lock_guard lock(mutex_);
    running_.erase({loan.delivery.message, loan.delivery.endpoint});
    fair_.ended(loan.receiver, well);
    ++wakes_;  // a worker is free
  }
  due_.notify_one();
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
