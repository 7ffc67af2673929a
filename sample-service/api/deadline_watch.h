// Ends requests at their deadline while something they wait for does not: a thread of its own gives the late answer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "common/core/time.h"

namespace courier {

class DeadlineWatch {
 public:
  DeadlineWatch();
  ~DeadlineWatch();  // what is still watched is forgotten
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

  // Calls `late` after `wait` (not much later: they are looked at together, every 10 ms while there are any).
  void after(sluice::Duration wait, std::function<void()> late);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> watched_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace courier
