// Start and end of a span: the wall clock says when, the steady one how long, so that no step of the wall clock makes an end
// before its start. Milliseconds, which is all that sluice::Clock has, are too coarse for a database's answers.
#pragma once

#include <chrono>
#include <cstdint>

namespace courier {

class Stopwatch {
 public:
  std::int64_t start() const { return start_; }  // nanoseconds since 1970
  std::int64_t now() const {
    return start_ + std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::int64_t start_ = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace courier
