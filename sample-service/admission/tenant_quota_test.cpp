#include "sample-service/admission/tenant_quota.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

TEST(TokenBucket, ABurstIsTakenAtOnceAndThenOneAtATime) {
  TokenBucket bucket({.per_second = 10, .burst = 3}, Duration(0));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(Duration(0)), Duration(0));
  EXPECT_EQ(bucket.take(Duration(0)), Duration(100));
  EXPECT_EQ(bucket.take(Duration(60)), Duration(40));
  EXPECT_EQ(bucket.take(Duration(100)), Duration(0));
  EXPECT_EQ(bucket.take(Duration(100)), Duration(100));
}

TEST(TokenBucket, RestDoesNotSaveMoreThanTheBurst) {
  TokenBucket bucket({.per_second = 1, .burst = 2}, Duration(0));
  int taken = 0;
  while (bucket.take(Duration(3'600'000)) == Duration(0)) ++taken;
  EXPECT_EQ(taken, 2);
}

TEST(TokenBucket, AClockThatStandsStillGivesNothing) {
  TokenBucket bucket({.per_second = 1000, .burst = 1}, Duration(50));
  EXPECT_EQ(bucket.take(Duration(50)), Duration(0));
  EXPECT_GT(bucket.take(Duration(50)), Duration(0));
  EXPECT_GT(bucket.take(Duration(40)), Duration(0));
}

TEST(TenantQuotas, OneTenantsFloodLeavesTheOthersAlone) {
  TenantQuotas quotas({.per_second = 5, .burst = 5});
  for (int i = 0; i < 100; ++i) quotas.take("loud", Duration(0));
  EXPECT_EQ(quotas.take("loud", Duration(0)), Duration(200));
  EXPECT_EQ(quotas.take("quiet", Duration(0)), Duration(0));
}

TEST(TenantQuotas, WithoutARateThereIsNoQuota) {
  TenantQuotas quotas({});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(quotas.take("a", Duration(0)), Duration(0));
}

TEST(TenantQuotas, ManyTenantsAtRestAreForgottenAndTheBusyOneIsNot) {
  TenantQuotas quotas({.per_second = 1, .burst = 1});
  for (int i = 0; i < 10'000; ++i) quotas.take("t" + std::to_string(i), Duration(0));
  EXPECT_EQ(quotas.take("busy", Duration(10'000)), Duration(0));
  EXPECT_GT(quotas.take("busy", Duration(10'000)), Duration(0));
}

TEST(TenantQuotas, ProcessesGrantOneQuotaTogether) {
  TenantQuotas quotas({.per_second = 40, .burst = 8});
  EXPECT_EQ(quotas.take("known", Duration(0)), Duration(0));
  quotas.share_among(4, Duration(0));
  for (const char* tenant : {"known", "new"}) {
    EXPECT_EQ(quotas.take(tenant, Duration(0)), Duration(0));
    EXPECT_EQ(quotas.take(tenant, Duration(0)), Duration(0));
    EXPECT_EQ(quotas.take(tenant, Duration(0)), Duration(100)) << tenant;  // a burst of 2, then 10/s
  }
  quotas.share_among(1, Duration(100));
  EXPECT_EQ(quotas.take("known", Duration(100)), Duration(0));  // of the time before
  EXPECT_EQ(quotas.take("known", Duration(100)), Duration(25));
}

TEST(TenantQuotas, APartOfAQuotaStillGrantsOneAtATime) {
  TenantQuotas quotas({.per_second = 1, .burst = 1});
  quotas.share_among(10, Duration(0));
  EXPECT_EQ(quotas.take("a", Duration(0)), Duration(0));
  EXPECT_EQ(quotas.take("a", Duration(0)), Duration(10'000));
}

}  // namespace
}  // namespace courier
