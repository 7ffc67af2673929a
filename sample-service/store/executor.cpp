#include "sample-service/store/executor.h"

#include <chrono>
#include <utility>

namespace courier {

Executor::Executor(std::size_t limit, std::function<void()> tick, std::size_t threads) : limit_(limit), tick_(std::move(tick)) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this, i] { run(i == 0); });
}

Executor::~Executor() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Executor::try_post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_ || jobs_.size() >= limit_) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

void Executor::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

std::size_t Executor::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void Executor::run(bool ticks) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (ticks && tick_) {
      lock.unlock();
      tick_();
      lock.lock();
    }
    changed_.wait_for(lock, std::chrono::seconds(1), [this] { return ending_ || !jobs_.empty(); });
    if (jobs_.empty()) {
      if (ending_) return;
      continue;
    }
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace courier
