// How many requests a tenant may make: a token bucket each, so that one tenant's flood is answered 429 while the others do
// not notice. Thread-safe; instants are of a monotonic clock.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "common/core/time.h"

namespace courier {

using sluice::Duration;

struct QuotaPolicy {
  double per_second = 0;  // 0: no quota
  double burst = 0;       // tokens of a full bucket; below 1 counts as 1
};

// The bucket as a value: it refills with time and is never fuller than the burst.
class TokenBucket {
 public:
  explicit TokenBucket(QuotaPolicy policy, Duration now);

  // Takes one token, or says after how long one will be there (never 0 then).
  Duration take(Duration now);
  bool full(Duration now) const;

 private:
  double tokens(Duration now) const;

  QuotaPolicy policy_;
  double tokens_;
  Duration filled_;
};

class TenantQuotas {
 public:
  explicit TenantQuotas(QuotaPolicy policy) : policy_(policy) {}

  // 0: the request may go on; otherwise after how long another may.
  Duration take(const std::string& tenant, Duration now);

 private:
  const QuotaPolicy policy_;
  std::mutex mutex_;
  std::map<std::string, TokenBucket> buckets_;
};

}  // namespace courier
