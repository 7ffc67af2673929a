#include "sample-service/api/deadline_watch.h"

#include <utility>
#include <vector>

namespace courier {
namespace {

constexpr auto kTogether = std::chrono::milliseconds(10);

}  // namespace

DeadlineWatch::DeadlineWatch() : thread_([this] { run(); }) {}

DeadlineWatch::~DeadlineWatch() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DeadlineWatch::after(sluice::Duration wait, std::function<void()> late) {
  bool earliest = false;
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::chrono::steady_clock::now() + wait;
    earliest = watched_.empty() || at < watched_.begin()->first;
    watched_.emplace(at, std::move(late));
  }
  // A later one is found when its turn comes.
  if (earliest) changed_.notify_all();
}

void DeadlineWatch::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (watched_.empty()) {
      changed_.wait(lock, [this] { return ending_ || !watched_.empty(); });
      continue;
    }
    const auto first = watched_.begin()->first;
    if (std::chrono::steady_clock::now() < first) {
      changed_.wait_until(lock, first + kTogether);
      continue;
    }
    const auto end = watched_.upper_bound(std::chrono::steady_clock::now());
    std::vector<std::function<void()>> due;
    for (auto it = watched_.begin(); it != end; ++it) due.push_back(std::move(it->second));
    watched_.erase(watched_.begin(), end);
    lock.unlock();
    for (const auto& late : due) late();
    due.clear();
    lock.lock();
  }
}

}  // namespace courier
