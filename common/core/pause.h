// How a thread rests that may be asked to end meanwhile.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "common/core/time.h"

namespace sluice {

// Blocks for that long, or until stop is requested. False: it was.
inline bool pause(Duration length, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, length, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace sluice
