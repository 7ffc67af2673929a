// Bounds what retries add to the load of a dependency in trouble: each first try earns a share of a retry, and what is not
// spent within ten seconds is lost, so that a quiet hour saves nothing up for the outage. A small number per second is
// always allowed, for clients with little traffic. Thread-safe; instants are of a monotonic clock.
// Source: the retry budget of Finagle and Tower (there 20 % and 10 per second; here 10 %, Google's SRE book).
#pragma once

#include <array>
#include <cstddef>
#include <mutex>

#include "common/core/time.h"

namespace courier {

using sluice::Duration;

struct RetryBudgetPolicy {
  double share = 0.1;     // retries per first try
  double per_second = 1;  // allowed without any
};

class RetryBudget {
 public:
  explicit RetryBudget(RetryBudgetPolicy policy) : policy_(policy) {}

  void first_try(Duration now);
  // Whether one more retry may be made; it then counts as made.
  bool try_retry(Duration now);

 private:
  static constexpr std::size_t kSlots = 10;  // seconds that count
  struct Slot {
    long long second = -1;
    double tries = 0;
    double retries = 0;
  };
  Slot& slot(Duration now);

  const RetryBudgetPolicy policy_;
  std::mutex mutex_;
  std::array<Slot, kSlots> slots_{};
};

}  // namespace courier
