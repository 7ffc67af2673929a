#include "controller/judge_tool/false_alarms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/judge/clopper_pearson.h"

namespace sluice::judge_tool {
namespace {

using testing::HasSubstr;

// `pods` pods of 5 requests a second each; pod 0 fails `odd` times as often, and all fail in bursts of `burst`.
History history(int pods, int ticks, double odd, int burst, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  History h;
  h.slos.resize(1);
  for (int t = 0; t <= ticks; ++t) h.borders.push_back(Time(Duration(1'800'000'000'000 + 15'000LL * t)));
  for (int t = 0; t < ticks; ++t) {
    PodTick tick;
    for (int p = 0; p < pods; ++p) {
      const auto n = std::poisson_distribution<long>(75)(random);
      const double rate = 0.02 / burst * (p == 0 ? odd : 1);
      const long events = std::binomial_distribution<long>(n, std::min(rate, 0.9))(random);
      tick["pod-" + std::to_string(p)] = {static_cast<double>(n), static_cast<double>(std::min(n, events * burst))};
    }
    h.slos[0].push_back(std::move(tick));
  }
  return h;
}

judge::TrialPlan plan() {
  judge::TrialPlan p;
  p.slos.resize(1);
  p.slos[0].name = "errors";
  return p;
}

int alarms(const judge::TrialPlan& p, const Draws& draws) {
  int n = 0;
  for (const Draw& draw : draws.all) n += judged(p, draw.replay)->failed;
  return n;
}

TEST(FalseAlarms, EveryWindowIsDrawnFromAndEveryRequestCountedOnce) {
  const History h = history(10, 250, 1, 1);
  const auto draws = draw(h, {.window = std::chrono::minutes(20), .draws = 3});
  ASSERT_TRUE(draws) << draws.error().message;
  EXPECT_EQ(draws->windows, 3u) << "250 ticks hold three windows of 80";
  ASSERT_EQ(draws->all.size(), 9u);
  for (const Draw& d : draws->all) {
    EXPECT_EQ(d.canary.size(), 1u);
    EXPECT_EQ(d.pods, 10);
    ASSERT_EQ(d.replay.ticks.size(), 80u);
    for (std::size_t t = 0; t < 80; ++t) {
      judge::Counts all;
      for (const auto& [pod, counts] : h.slos[0][d.window * 80 + t]) all += counts;
      judge::Counts arms = d.replay.ticks[t][0].canary;
      arms += d.replay.ticks[t][0].baseline;
      ASSERT_EQ(arms, all);
      ASSERT_EQ(d.replay.ticks[t][0].canary_pods, 1);
    }
    ASSERT_EQ(d.replay.pods[0].size(), 9u);
  }
  EXPECT_EQ(draw(h, {.window = std::chrono::minutes(20), .draws = 3})->all[4].canary, draws->all[4].canary)
      << "the same seed draws the same pods";
}

TEST(FalseAlarms, IndependentFailuresDoNotAlarmAndBurstsDoUntilCalibrated) {
  const auto calm = draw(history(10, 80 * 24, 1, 1), {.window = std::chrono::minutes(20), .draws = 2});
  EXPECT_LE(alarms(plan(), *calm), 1);
  // Pods that differ for good: whoever draws the odd one sees a regression.
  const auto odd = draw(history(4, 80 * 24, 4, 1), {.window = std::chrono::minutes(20), .draws = 2});
  EXPECT_GE(alarms(plan(), *odd), 5);
  judge::TrialPlan calibrated = plan();
  std::vector<judge::ReplayWindow> windows;
  for (std::size_t i = 0; i < odd->all.size(); i += 2) windows.push_back(odd->all[i].replay);
  const auto calibration = judge::calibrate(calibrated, windows);
  ASSERT_TRUE(calibration) << calibration.error().message;
  calibrated.calibration = *calibration;
  for (const judge::ReplayWindow& window : windows) EXPECT_FALSE(judged(calibrated, window)->failed);
}

TEST(FalseAlarms, APodThatComesOrGoesTakesNoPart) {
  History h = history(5, 80, 1, 1);
  for (std::size_t t = 40; t < 80; ++t) h.slos[0][t].erase("pod-3");
  const auto draws = draw(h, {.window = std::chrono::minutes(20), .draws = 20});
  ASSERT_TRUE(draws);
  for (const Draw& d : draws->all) {
    EXPECT_EQ(d.pods, 4);
    EXPECT_EQ(std::count(d.canary.begin(), d.canary.end(), "pod-3"), 0);
  }
}

TEST(FalseAlarms, WindowsThatCannotBeUsedAreToldAndSkipped) {
  const auto lonely = draw(history(1, 80, 1, 1), {.window = std::chrono::minutes(20)});
  ASSERT_TRUE(lonely);
  EXPECT_TRUE(lonely->all.empty());
  EXPECT_THAT(lonely->skipped.at(0), HasSubstr("1 pod(s) were there"));
  EXPECT_THAT(draw(history(3, 40, 1, 1), {.window = std::chrono::minutes(20)}).error().message, HasSubstr("shorter than a window of 80"));
  EXPECT_THAT(draw(history(3, 40, 1, 1), {.window = std::chrono::minutes(2)}).error().message, HasSubstr("at least 20 are needed"));
  EXPECT_THAT(draw(History{}, {}).error().message, HasSubstr("no ticks"));
}

TEST(FalseAlarms, TheUpperLimitIsExact) {
  EXPECT_NEAR(judge::upper_limit(0, 24, 0.95), 1 - std::pow(0.05, 1.0 / 24), 1e-9);
  EXPECT_NEAR(judge::upper_limit(1, 96, 0.95), 0.04844, 1e-4);
  EXPECT_EQ(judge::upper_limit(5, 5, 0.95), 1);
  EXPECT_EQ(judge::upper_limit(0, 0, 0.95), 1);
}

}  // namespace
}  // namespace sluice::judge_tool
