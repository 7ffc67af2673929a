// A few threads with one bounded queue: the bulkhead between I/O loops, which must not block, and a store, which does. One
// executor for each dependency, with as many threads as it takes calls at a time (Store::parallelism).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace courier {

class Executor {
 public:
  using Job = std::function<void()>;

  // limit: jobs that may wait; tick: called at least every second while the first thread lives, on it.
  explicit Executor(std::size_t limit, std::function<void()> tick = nullptr, std::size_t threads = 1);
  ~Executor();  // runs what waits, then ends
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // False: the queue is full, or the executor ends; the job is dropped.
  bool try_post(Job job);

  // Runs work on a thread and waits for its result, however long the queue: for workers, whose number bounds it.
  // Must not be called on the executor's own threads. Throws std::future_error when the executor has ended.
  template <typename Work>
  auto call(Work work) -> std::invoke_result_t<Work> {
    using Result = std::invoke_result_t<Work>;
    auto promise = std::make_shared<std::promise<Result>>();
    auto future = promise->get_future();
    post([promise, work = std::move(work)]() mutable { promise->set_value(work()); });
    promise.reset();
    return future.get();
  }

  std::size_t waiting() const;

 private:
  void post(Job job);
  void run(bool ticks);

  const std::size_t limit_;
  const std::function<void()> tick_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace courier
