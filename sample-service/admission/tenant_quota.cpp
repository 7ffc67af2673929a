#include "sample-service/admission/tenant_quota.h"

#include <algorithm>
#include <cmath>

namespace courier {
namespace {

// Buckets that are full again say nothing and may go; with more tenants than this it is worth looking for them.
constexpr std::size_t kBuckets = 10'000;

QuotaPolicy granting(QuotaPolicy policy) { return {policy.per_second, std::max(1.0, policy.burst)}; }

}  // namespace

TokenBucket::TokenBucket(QuotaPolicy policy, Duration now) : policy_(granting(policy)), tokens_(policy_.burst), filled_(now) {}

double TokenBucket::tokens(Duration now) const {
  return std::min(policy_.burst, tokens_ + std::max(0.0, sluice::seconds(now - filled_)) * policy_.per_second);
}

void TokenBucket::refill(Duration now) {
  tokens_ = tokens(now);
  filled_ = std::max(filled_, now);
}

void TokenBucket::follow(QuotaPolicy policy, Duration now) {
  refill(now);
  policy_ = granting(policy);
  tokens_ = std::min(tokens_, policy_.burst);
}

Duration TokenBucket::take(Duration now) {
  refill(now);
  if (tokens_ >= 1) {
    tokens_ -= 1;
    return Duration(0);
  }
  return std::max(Duration(1), Duration(static_cast<long long>(std::ceil((1 - tokens_) / policy_.per_second * 1000))));
}

bool TokenBucket::full(Duration now) const { return tokens(now) >= policy_.burst; }

Duration TenantQuotas::take(const std::string& tenant, Duration now) {
  if (whole_.per_second <= 0) return Duration(0);
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= kBuckets) std::erase_if(buckets_, [&](const auto& entry) { return entry.second.full(now); });
  return buckets_.try_emplace(tenant, policy_, now).first->second.take(now);
}

void TenantQuotas::share_among(std::size_t processes, Duration now) {
  const std::lock_guard lock(mutex_);
  if (processes == processes_) return;
  processes_ = processes;
  const auto parts = static_cast<double>(processes);
  policy_ = {whole_.per_second / parts, whole_.burst / parts};
  for (auto& [tenant, bucket] : buckets_) bucket.follow(policy_, now);
}

}  // namespace courier
