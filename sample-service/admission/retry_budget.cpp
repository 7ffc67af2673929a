#include "sample-service/admission/retry_budget.h"

#include <algorithm>

namespace courier {

RetryBudget::Slot& RetryBudget::slot(Duration now) {
  const long long second = now.count() / 1000;
  Slot& slot = slots_[static_cast<std::size_t>(second) % kSlots];
  if (slot.second != second) slot = {second, 0, 0};
  return slot;
}

void RetryBudget::first_try(Duration now) {
  const std::lock_guard lock(mutex_);
  slot(now).tries += 1;
}

bool RetryBudget::try_retry(Duration now) {
  const std::lock_guard lock(mutex_);
  Slot& current = slot(now);
  double tries = 0;
  double retries = 0;
  for (const Slot& one : slots_) {
    if (one.second < 0 || one.second + static_cast<long long>(kSlots) <= current.second) continue;
    tries += one.tries;
    retries += one.retries;
  }
  // The reserve counts per second, so a burst cannot spend the reserve of ten seconds at once.
  const bool earned = retries + 1 <= tries * policy_.share;
  const bool reserved = current.retries + 1 <= policy_.per_second;
  if (!earned && !reserved) return false;
  current.retries += 1;
  return true;
}

}  // namespace courier
