#include <gtest/gtest.h>
#include <cmath>

#include "tests/bench/judge/cumulative.h"
#include "tests/bench/judge/failure_limit.h"
#include "tests/bench/judge/mann_whitney.h"

namespace sluice::bench {
namespace {

Tick tick(double n1, double k1, double n0 = 1000, double k0 = 10) {
  Tick t;
  t.counts.canary = {n1, k1};
  t.counts.baseline = {n0, k0};
  return t;
}

// The tick (from 1 on) at which it rolls back; 0: never within `ticks`.
int rolls_back(Contender& contender, const std::vector<Tick>& pattern, int ticks) {
  for (int i = 0; i < ticks; ++i)
    if (contender.rolls_back(pattern[static_cast<std::size_t>(i) % pattern.size()])) return i + 1;
  return 0;
}

TEST(FailureLimit, RollsBackAtTheGivenFailedCheckOfAMinuteEach) {
  FailureLimitRule fourth({0.95, 4, false, 4});
  EXPECT_EQ(rolls_back(fourth, {tick(100, 6)}, 100), 16);
  FailureLimitRule just_good({0.95, 4, false, 4});
  EXPECT_EQ(rolls_back(just_good, {tick(100, 5)}, 100), 0);
}

TEST(FailureLimit, LooksAtTheWholeMinute) {
  FailureLimitRule rule({0.95, 1, false, 4});
  EXPECT_EQ(rolls_back(rule, {tick(100, 19), tick(100, 0), tick(100, 0), tick(100, 0)}, 400), 0);
  FailureLimitRule worse({0.95, 1, false, 4});
  EXPECT_EQ(rolls_back(worse, {tick(100, 21), tick(100, 0), tick(100, 0), tick(100, 0)}, 400), 4);
}

TEST(FailureLimit, OnlyInARowIsForgivenByASuccess) {
  std::vector<Tick> on_and_off;
  for (int minute = 0; minute < 2; ++minute)
    for (int i = 0; i < 4; ++i) on_and_off.push_back(tick(100, minute == 0 ? 50 : 0));
  FailureLimitRule counting({0.99, 3, false, 4}), in_a_row({0.99, 3, true, 4});
  EXPECT_EQ(rolls_back(counting, on_and_off, 100), 20);
  EXPECT_EQ(rolls_back(in_a_row, on_and_off, 400), 0);
}

TEST(FailureLimit, NoRequestsAreAFailedCheck) {
  FailureLimitRule rule({0.99, 2, false, 4});
  EXPECT_EQ(rolls_back(rule, {tick(0, 0)}, 20), 8);
}

// The example of spinnaker/spinnaker#6278: of ten canary points at 100 against ten baseline points at 1, seven are not seen and eight are.
TEST(MannWhitney, SevenOfTenPointsAHundredTimesAsHighAreNotSeen) {
  std::vector<double> canary(10, 1.0);
  const std::vector<double> baseline(10, 1.0);
  for (std::size_t i = 0; i < 7; ++i) canary[i] = 100;
  const Shift seven = mann_whitney_shift(canary, baseline);
  EXPECT_LT(seven.low, 0.001);
  EXPECT_GT(seven.estimate, 50);
  canary[7] = 100;
  const Shift eight = mann_whitney_shift(canary, baseline);
  EXPECT_NEAR(eight.low, 99, 0.001);
}

TEST(MannWhitney, AShiftOfDistinctPointsIsFound) {
  std::vector<double> canary, baseline;
  for (int i = 0; i < 20; ++i) {
    baseline.push_back(i * 0.1);
    canary.push_back(i * 0.1 + 5.03);
  }
  const Shift shift = mann_whitney_shift(canary, baseline);
  EXPECT_NEAR(shift.estimate, 5.03, 0.06);
  EXPECT_GT(shift.low, 4.3);
  EXPECT_LT(shift.low, 5.03);
}

TEST(MannWhitney, LooksEveryFifteenMinutes) {
  MannWhitneyRule rule;
  std::vector<Tick> noisy;
  for (int i = 0; i < 28; ++i) noisy.push_back(tick(1000, 100 + i % 7, 1000, 10 + i % 5));
  EXPECT_EQ(rolls_back(rule, noisy, 480), 60);
  MannWhitneyRule calm;
  EXPECT_EQ(rolls_back(calm, {tick(1000, 10, 1000, 9), tick(1000, 12, 1000, 12), tick(1000, 9, 1000, 10), tick(1000, 11, 1000, 11)}, 480),
            0);
}

TEST(MannWhitney, MinutesWithoutErrorsAreNoShift) {
  MannWhitneyRule rule;
  // One error of the canary in five minutes and none of the baseline: nearly all points are 0, and so is the shift.
  std::vector<Tick> rare(20, tick(250, 0, 250, 0));
  rare[0] = tick(250, 1, 250, 0);
  EXPECT_EQ(rolls_back(rule, rare, 480), 0);
}

// 20 of 1000 against 10 of 1000: pooled share 0.015, z = 0.01 / sqrt(0.015*0.985*0.002) = 1.8396; twice that much: 2.6016.
TEST(NaiveZ, RollsBackBeyondTheOnePercentPoint) {
  Totals totals;
  totals.add(tick(1000, 20));
  EXPECT_NEAR(totals.difference() / std::sqrt(totals.variance()), 1.8396, 1e-4);
  NaiveZ first;
  EXPECT_EQ(rolls_back(first, {tick(250, 5, 250, 2.5)}, 4), 0);
  EXPECT_EQ(rolls_back(first, {tick(250, 5, 250, 2.5)}, 4), 4) << "the second minute makes it 2.6016 > 2.3263";
}

// d = 0.01, V = 0.015*0.985*0.002 = 2.955e-5, tau = 0.01: ln = 0.5 ln(V/(V+1e-4)) + 1e-4*1e-4/(2V(V+1e-4)) = -0.7388 + 1.3061.
TEST(MixtureRatio, NeedsAHundredToOne) {
  MixtureRatio rule;
  EXPECT_EQ(rolls_back(rule, {tick(1000, 20)}, 1), 0);
  // After n such ticks V is V/n: -0.5 ln(1+n/0.2955) + (n^2/(n+0.2955)) * 1e-4/(2*2.955e-5*1)...: 4.605 is first passed at n = 4.
  const auto log_ratio = [](double n) {
    const double v = 2.955e-5 / n;
    return 0.5 * std::log(v / (v + 1e-4)) + 1e-8 / (2 * v * (v + 1e-4));
  };
  int needed = 1;
  while (log_ratio(needed) < std::log(100.0)) ++needed;
  EXPECT_EQ(needed, 4);
  EXPECT_EQ(rolls_back(rule, {tick(1000, 20)}, 10), needed - 1);
  MixtureRatio better;
  EXPECT_EQ(rolls_back(better, {tick(1000, 1)}, 400), 0) << "a canary that is better is not rolled back";
}

}  // namespace
}  // namespace sluice::bench
