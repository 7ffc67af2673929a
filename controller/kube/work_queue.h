// Which keys need work, each at most once at a time.
//
// Semantics of client-go's workqueue (https://pkg.go.dev/k8s.io/client-go/util/workqueue): a key that is added again while it
// waits is there once; one that is added while it is worked on comes again after done(). Delays are earliest-wins: a later
// add_after never postpones an earlier one, and an add() does not cancel them. Failures back off per key.
//
// WorkQueueCore is the pure part: no thread, no clock; times are passed in (Clock::monotonic). WorkQueue is the same behind a
// mutex, with a blocking take().
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>

#include "common/core/backoff.h"
#include "common/core/clock.h"

namespace sluice::kube {

template <typename Key>
class WorkQueueCore {
 public:
  explicit WorkQueueCore(Backoff backoff = {Duration(50), Duration(60'000)}) : backoff_(backoff) {}

  void add(const Key& key) {
    if (!dirty_.insert(key).second) return;
    if (!processing_.contains(key)) ready_.push_back(key);
  }
  void add_at(const Key& key, Duration due) {
    const auto known = due_.find(key);
    if (known != due_.end()) {
      if (known->second <= due) return;
      waiting_.erase({known->second, key});
    }
    due_[key] = due;
    waiting_.insert({due, key});
  }
  // After a failure: again when this key's back-off is over. unit: uniform in [0, 1). Returns the delay.
  Duration add_failed(const Key& key, Duration now, double unit, Duration at_least = Duration(0)) {
    const Duration delay = std::max(failures_.try_emplace(key, backoff_).first->second.next(unit), at_least);
    add_at(key, now + delay);
    return delay;
  }
  // The work on this key succeeded: its next failure starts the back-off anew.
  void forget(const Key& key) { failures_.erase(key); }

  // The next key whose time has come, first come first served; the caller must call done(key) when it is through.
  std::optional<Key> take(Duration now) {
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
      const Key key = waiting_.begin()->second;
      waiting_.erase(waiting_.begin());
      due_.erase(key);
      add(key);
    }
    if (ready_.empty()) return std::nullopt;
    const Key key = ready_.front();
    ready_.pop_front();
    dirty_.erase(key);
    processing_.insert(key);
    return key;
  }
  void done(const Key& key) {
    processing_.erase(key);
    if (dirty_.contains(key)) ready_.push_back(key);
  }

  // When the next delay ends; empty if none is running.
  std::optional<Duration> next_due() const { return waiting_.empty() ? std::nullopt : std::optional<Duration>(waiting_.begin()->first); }
  std::size_t ready() const { return ready_.size(); }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t processing() const { return processing_.size(); }
  int failures(const Key& key) const {
    const auto found = failures_.find(key);
    return found == failures_.end() ? 0 : found->second.failures;
  }

 private:
  const Backoff backoff_;
  std::deque<Key> ready_;  // dirty and not processing, in order of arrival
  std::set<Key> dirty_;
  std::set<Key> processing_;
  std::map<Key, Duration> due_;
  std::set<std::pair<Duration, Key>> waiting_;
  std::map<Key, Backoff> failures_;
};

// Thread-safe. `unit` is called under the queue's lock.
template <typename Key>
class WorkQueue {
 public:
  WorkQueue(const Clock& clock, std::function<double()> unit, Backoff backoff = {Duration(50), Duration(60'000)})
      : clock_(clock), unit_(std::move(unit)), core_(backoff) {}

  void add(const Key& key) {
    change([&] { core_.add(key); });
  }
  void add_after(const Key& key, Duration delay) {
    change([&] { core_.add_at(key, clock_.monotonic() + delay); });
  }
  Duration add_failed(const Key& key, Duration at_least = Duration(0)) {
    Duration delay{0};
    change([&] { delay = core_.add_failed(key, clock_.monotonic(), unit_(), at_least); });
    return delay;
  }
  void forget(const Key& key) {
    std::lock_guard lock(mutex_);
    core_.forget(key);
  }
  void done(const Key& key) {
    change([&] { core_.done(key); });
  }

  // Blocks until a key is ready. Empty after shut_down() or when stop was requested. Keys in hand are finished with done().
  std::optional<Key> take(std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (shut_down_ || stop.stop_requested()) return std::nullopt;
      const Duration now = clock_.monotonic();
      if (auto key = core_.take(now)) return key;
      const auto due = core_.next_due();
      // Each waiter compares with what it saw: one of several must not swallow the news of an earlier due time.
      const auto woken = [this, seen = changes_] { return changes_ != seen; };
      if (due) wake_.wait_for(lock, stop, *due - now, woken);
      else wake_.wait(lock, stop, woken);
    }
  }
  // Never blocks; for tests and simulations.
  std::optional<Key> try_take() {
    std::lock_guard lock(mutex_);
    return shut_down_ ? std::nullopt : core_.take(clock_.monotonic());
  }
  std::optional<Duration> next_due() const {
    std::lock_guard lock(mutex_);
    return core_.next_due();
  }
  // Ends every take() now and later.
  void shut_down() {
    change([&] { shut_down_ = true; });
  }
  std::size_t depth() const {
    std::lock_guard lock(mutex_);
    return core_.ready();
  }
  bool idle() const {
    std::lock_guard lock(mutex_);
    return core_.ready() == 0 && core_.processing() == 0;
  }

 private:
  template <typename Do>
  void change(const Do& what) {
    {
      std::lock_guard lock(mutex_);
      what();
      ++changes_;
    }
    wake_.notify_all();
  }

  const Clock& clock_;
  const std::function<double()> unit_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  WorkQueueCore<Key> core_;
  std::uint64_t changes_ = 0;
  bool shut_down_ = false;
};

}  // namespace sluice::kube
