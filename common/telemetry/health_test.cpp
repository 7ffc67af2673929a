#include "common/telemetry/health.h"

#include <gtest/gtest.h>

namespace sluice::telemetry {
namespace {

TEST(Health, StartingIsNeitherStartedNorReadyButAlive) {
  ManualClock clock;
  Health health(clock);
  EXPECT_EQ(health.answer("/startupz")->status, 503);
  EXPECT_EQ(health.answer("/readyz")->status, 503);
  EXPECT_EQ(health.answer("/livez")->status, 200);
  health.started();
  EXPECT_EQ(health.answer("/startupz")->status, 200);
  EXPECT_EQ(health.answer("/readyz")->status, 200);
}

TEST(Health, DrainingTakesReadinessButNotLife) {
  ManualClock clock;
  Health health(clock);
  health.started();
  health.unready("draining", "SIGTERM");
  EXPECT_EQ(health.answer("/readyz")->status, 503);
  EXPECT_EQ(health.answer("/readyz")->body, "draining: SIGTERM\n");
  EXPECT_EQ(health.answer("/livez")->status, 200);
  health.unready("draining", "");
  EXPECT_TRUE(health.is_ready());
}

TEST(Health, ALoopThatStopsTickingIsNotAlive) {
  ManualClock clock;
  Health health(clock);
  health.tick("worker", Duration(10'000));
  clock.advance(Duration(10'000));
  EXPECT_TRUE(health.is_live());
  clock.advance(Duration(1));
  EXPECT_FALSE(health.is_live());
  EXPECT_NE(health.answer("/livez")->body.find("worker"), std::string::npos);
  health.tick("worker");
  EXPECT_TRUE(health.is_live());
}

TEST(Health, OtherPathsAreNotItsBusiness) {
  ManualClock clock;
  EXPECT_FALSE(Health(clock).answer("/metrics"));
}

}  // namespace
}  // namespace sluice::telemetry
