#include "sample-service/faults/injector.h"

#include <cstdlib>
#include <memory>
#include <utility>

#include "sample-service/domain/problem.h"

namespace courier {

using sluice::http::Handler;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;

Injector::Injector(FaultProfile profile, Random random, std::function<void()> crash, std::function<Instant()> now)
    : profile_(std::move(profile)),
      random_(std::move(random)),
      now_(now ? std::move(now) : std::function<Instant()>([] { return std::chrono::steady_clock::now(); })),
      end_(now_() + profile_.lasts),
      thread_([this] { run(); }) {
  if (profile_.crash_after) later(*profile_.crash_after, crash ? std::move(crash) : std::function<void()>([] { std::abort(); }));
}

Injector::~Injector() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Handler Injector::wrap(Handler inner) {
  return [this, inner = std::make_shared<Handler>(std::move(inner))](IncomingRequest in, ReplyPtr reply) {
    if (now_() >= end_) return (*inner)(std::move(in), std::move(reply));
    const bool error = random_() < profile_.error_share;
    const bool slow = profile_.latency.count() > 0 && random_() < profile_.latency_share;
    // Shared, as a std::function must be copyable.
    auto pending = std::make_shared<std::pair<IncomingRequest, ReplyPtr>>(std::move(in), std::move(reply));
    auto work = [inner, error, pending] {
      if (!error) return (*inner)(std::move(pending->first), std::move(pending->second));
      auto answer = problem(500, "a fault was injected on purpose");
      answer.headers["X-Fault-Injected"] = "error";
      pending->second->send(std::move(answer));
    };
    if (slow) later(profile_.latency, std::move(work));
    else work();
  };
}

void Injector::later(Duration delay, std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(std::chrono::steady_clock::now() + delay, std::move(work));
  }
  changed_.notify_all();
}

void Injector::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (waiting_.empty()) {
      changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      continue;
    }
    const auto first = waiting_.begin();
    if (std::chrono::steady_clock::now() < first->first) {
      const Instant due = first->first;
      changed_.wait_until(lock, due);
      continue;
    }
    const auto work = std::move(first->second);
    waiting_.erase(first);
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace courier
