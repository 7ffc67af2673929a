// How many requests a tenant may make: a token bucket each, so that one tenant's flood is answered 429 while the others do
// not notice. A quota that several processes grant is divided among them: with requests spread over them evenly, as a gateway does, that
// is one quota, and no request has to ask anybody. Thread-safe; instants are of a monotonic clock.
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
  // Another rate and burst from now on; what it holds beyond the burst is gone.
  void follow(QuotaPolicy policy, Duration now);

 private:
  void refill(Duration now);
  double tokens(Duration now) const;

  QuotaPolicy policy_;
  double tokens_;
  Duration filled_;
};

class TenantQuotas {
 public:
  explicit TenantQuotas(QuotaPolicy policy) : whole_(policy), policy_(policy) {}

  // 0: the request may go on; otherwise after how long another may.
  Duration take(const std::string& tenant, Duration now);

  // This process is one of that many, 1 or more.
  void share_among(std::size_t processes, Duration now);

 private:
  const QuotaPolicy whole_;
  std::mutex mutex_;
  QuotaPolicy policy_;  // this process's part
  std::size_t processes_ = 1;
  std::map<std::string, TokenBucket> buckets_;
};

}  // namespace courier
