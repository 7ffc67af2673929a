#include "tests/bench/judge/failure_limit.h"

namespace sluice::bench {

bool FailureLimitRule::rolls_back(const Tick& tick) {
  if (tick.counts.present) window_ += tick.counts.canary;
  if (++ticks_ % limit_.every != 0) return false;
  const bool success = window_.total > 0 && 1 - window_.ratio() >= limit_.success;
  window_ = {};
  if (!success) ++failed_;
  else if (limit_.consecutive) failed_ = 0;
  return failed_ >= limit_.failures;
}

}  // namespace sluice::bench
