#include "controller/judge/e_process.h"

#include <gtest/gtest.h>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

namespace sluice::judge {
namespace {

TEST(HarmProcess, GoldenValues) {
  const HarmTest test{{1.1, 1e-4}, 240, 0, Effects::Design};
  const struct {
    Counts canary, baseline;
    double log_e;
  } ticks[] = {
      {{75, 0}, {675, 1}, -0.28796940}, {{75, 2}, {675, 0}, 1.53294134}, {{75, 3}, {675, 1}, 5.48533007}, {{75, 4}, {675, 0}, 12.99427213}};
  HarmProcess process;
  for (const auto& tick : ticks) {
    process = advance(process, test, tick.canary, tick.baseline, 0.001, 1);
    EXPECT_NEAR(process.log_e, tick.log_e, 0.5001e-8);
  }
}

TEST(HarmProcess, OneTickSuppliesAtMostTheCap) {
  const double cap = std::log(100) / 2;
  const HarmTest test{{1.1, 1e-4}, 240, cap};
  HarmProcess process = advance({}, test, {1000, 900}, {9000, 9}, 0.001, 1);
  EXPECT_DOUBLE_EQ(process.log_e, cap);
  // What is stored agrees with what is reported: a neutral tick moves little.
  const HarmProcess neutral = advance(process, test, {1, 0}, {9, 0}, 0.001, 1);
  EXPECT_NEAR(neutral.log_e, cap, 0.2);
  process = advance(process, test, {1000, 900}, {9000, 9}, 0.001, 1);
  EXPECT_GE(process.log_e, std::log(100) - 1e-12);
}

TEST(HarmProcess, ATickWithoutAnArmChangesNothing) {
  const HarmTest test{{1.1, 1e-4}, 240, 0};
  const HarmProcess process = advance({}, test, {75, 2}, {675, 0}, 0.001, 1);
  EXPECT_EQ(advance(process, test, {0, 0}, {675, 9}, 0.001, 1), process);
  EXPECT_EQ(advance(process, test, {75, 9}, {0, 0}, 0.001, 1), process);
}

TEST(HarmProcess, ALateRegressionIsNotBuriedUnderTheGoodStart) {
  const HarmTest test{{1.1, 1e-4}, 240, 0};
  HarmProcess process;
  for (int i = 0; i < 120; ++i) process = advance(process, test, {1500, 15}, {6000, 60}, 0.01, 1);
  int needed = 0;
  while (process.log_e < std::log(100) && needed < 100) {
    process = advance(process, test, {1500, 30}, {6000, 60}, 0.01, 1);
    ++needed;
  }
  EXPECT_LE(needed, 10);
}

// 20 times the baseline's errors were found when, for eight ticks, a tenth of everything fails besides.
TEST(HarmProcess, AnOutageOfBothArmsTakesLittleOfWhatWasFound) {
  const HarmTest test{{1.1, 1e-4}, 240, 0};
  HarmProcess found;
  for (int i = 0; i < 20; ++i) found = advance(found, test, {750, 2}, {750, 0}, 1e-4, 1);
  HarmProcess knows = found, does_not = found;
  for (int i = 0; i < 8; ++i) {
    update(knows, test, {750, 77}, {750, 75}, 0.1, 1, 1e-4);
    update(does_not, test, {750, 77}, {750, 75}, 0.1, 1);
  }
  EXPECT_GT(knows.log_e, found.log_e - 1);
  EXPECT_LT(does_not.log_e, found.log_e - 3);
}

// An e-variable still: as bad a canary as is tolerated, in an outage, has an expectation of at most 1.
TEST(HarmProcess, BetsAddedToAnOutageAreFairWhateverItsRate) {
  const HarmTest test{{1.1, 1e-4}, 240, 0};
  std::mt19937_64 random(8);
  for (const double p0 : {1e-4, 0.01, 0.1, 0.3}) {
    double sum = 0, squares = 0;
    constexpr int kRuns = 20000;
    std::binomial_distribution<int> canary(40, test.limit.at(p0)), baseline(360, p0);
    for (int i = 0; i < kRuns; ++i) {
      HarmProcess process;
      update(process, test, {40, static_cast<double>(canary(random))}, {360, static_cast<double>(baseline(random))}, 0.1, 1, 1e-3);
      const double e = std::exp(process.log_e);
      sum += e;
      squares += e * e;
    }
    const double mean = sum / kRuns, error = std::sqrt((squares / kRuns - mean * mean) / kRuns);
    EXPECT_LE(mean, 1 + 4 * error) << p0;
  }
}

// It begins: nobody knew before that a tenth of everything fails in this tick.
TEST(HarmProcess, TheFirstTickOfAnOutageTakesLittleOfWhatWasFound) {
  const HarmTest test{{1.1, 1e-4}, 240, 0};
  HarmProcess found;
  for (int i = 0; i < 20; ++i) found = advance(found, test, {75, 1}, {75, 0}, 1e-4, 1);
  const HarmProcess after = advance(found, test, {75, 8}, {75, 7}, 1e-4, 1);
  EXPECT_LT(after.log_e, found.log_e);
  EXPECT_GT(after.log_e, found.log_e - 0.8);
}

TEST(HarmProcess, ACanaryOfWhichEverythingFailsIsFoundAtOnce) {
  const HarmTest test{{1.1, 1e-4}, 240, 0};
  EXPECT_GT(advance({}, test, {75, 75}, {675, 0}, 1e-4, 1).log_e, std::log(100));
}

// k of n, for all k.
std::vector<double> chances(int n, double p) {
  std::vector<double> out;
  for (int k = 0; k <= n; ++k)
    out.push_back(std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) + (n - k) * std::log1p(-p)));
  return out;
}

// Everything is on one effect, and no new start is to come.
HarmProcess all_on(std::size_t effect) {
  HarmProcess process;
  process.log_a[effect] = 0;
  process.ticks = 1000;
  return process;
}

// What one tick makes of each effect's wealth is expected to be no more than it was, over every outcome and at every rate from hardly any
// to all: a tick is left out at a price, so that nobody gains from a rate at which that happens to every second one.
TEST(HarmProcess, ABetIsFairWhateverTheRate) {
  double highest = 0;
  for (const Limit limit : {Limit{1.1, 1e-4}, Limit{1.5, 5e-4}, Limit{10, 1e-3}})
    for (const auto& [canary, baseline] : {std::pair{2, 1}, {3, 25}, {10, 75}, {25, 10}})
      for (const double guess : {1e-5, 1e-3, 0.01})
        for (const double phi : {1.0, 3.0})
          for (const std::size_t effect : {0U, 4U, 7U}) {
            const HarmTest test{limit, 240, 0};
            const auto after = [&, canary = canary, baseline = baseline](double c, double b) {
              return advance(all_on(effect), test, {double(canary), c}, {double(baseline), b}, guess, phi).log_a[effect];
            };
            std::vector<std::vector<double>> e(static_cast<std::size_t>(canary) + 1);
            for (std::size_t c = 0; c < e.size(); ++c)
              for (int b = 0; b <= baseline; ++b) e[c].push_back(std::exp(after(static_cast<double>(c), b)));
            for (double p = 1e-4; limit.at(p) < 1; p *= 1.2) {
              const auto of_canary = chances(canary, limit.at(p)), of_baseline = chances(baseline, p);
              double expectation = 0;
              for (std::size_t c = 0; c < e.size(); ++c)
                for (std::size_t b = 0; b < e[c].size(); ++b) expectation += of_canary[c] * of_baseline[b] * e[c][b];
              EXPECT_LE(expectation, 1 + 1e-9) << ::testing::PrintToString(
                  std::vector<double>{limit.theta, limit.delta, double(canary), double(baseline), guess, phi, double(effect), p});
              highest = std::max(highest, expectation);
            }
          }
  EXPECT_GT(highest, 0.9999) << "no rate came near the guess: nothing was tried";
}

// Of the wealth, 97 % are bet: no tick takes more than all of that.
TEST(HarmProcess, NoTickTakesEverything) {
  const HarmTest test{{1.1, 1e-4}, 240, 0};
  HarmProcess process;
  for (int i = 0; i < 5; ++i) process = advance(process, test, {75, 3}, {675, 0}, 0.001, 1);
  const double before = process.log_e;
  process = advance(process, test, {75, 0}, {675, 600}, 0.001, 1);
  EXPECT_GT(process.log_e, before + std::log(0.03) - 1e-9);
}

TEST(HarmProcess, TemperingSlowsEvidenceDown) {
  const HarmTest test{{1.1, 1e-4}, 240, 0};
  const HarmProcess sharp = advance({}, test, {75, 3}, {675, 1}, 0.001, 1);
  const HarmProcess tempered = advance({}, test, {75, 3}, {675, 1}, 0.001, 3);
  EXPECT_GT(sharp.log_e, tempered.log_e);
}

TEST(HealthProcess, AZeroErrorCanaryPassesAMarginOfATenthPercentAfterAFewThousandRequests) {
  HealthProcess process;
  double requests = 0;
  while (process.log_e < std::log(20) && requests < 20000) {
    process = advance(process, {1.5, 1e-3}, {100, 0}, {900, 0}, 1e-6, 1);
    requests += 100;
  }
  EXPECT_GT(requests, 2500);
  EXPECT_LT(requests, 4500);
}

// 10 % of everything fails: the canary, at the margin on normal days, is far below 1.5 times that.
TEST(HealthProcess, AnOutageOfBothArmsProvesNothing) {
  const Limit limit{1.5, 5e-4};
  EXPECT_TRUE(unusual(limit, {675, 68}, 0.001));
  EXPECT_FALSE(unusual(limit, {675, 5}, 0.001)) << "chance";
  EXPECT_FALSE(unusual(limit, {0, 0}, 0.001));
  HealthProcess process;
  for (int i = 0; i < 8; ++i) process = advance(process, limit, {750, 77}, {6750, 682}, 0.001, 1);
  EXPECT_LE(process.log_e, 0);
  HealthProcess healthy;
  for (int i = 0; i < 20; ++i) healthy = advance(healthy, limit, {750, 0}, {6750, 7}, 0.001, 1);
  ASSERT_GT(healthy.log_e, 1);
  const double after = advance(healthy, limit, {750, 75}, {6750, 675}, 0.001, 1).log_e;
  EXPECT_LE(after, healthy.log_e);
  EXPECT_GT(after, healthy.log_e - 1) << "nor does it take a proof away";
  EXPECT_LT(advance(healthy, limit, {750, 300}, {6750, 675}, 0.001, 1).log_e, healthy.log_e) << "but a canary that suffers more does";
}

TEST(HealthProcess, ACanaryBeyondTheMarginLosesItsEvidence) {
  HealthProcess process;
  for (int i = 0; i < 50; ++i) process = advance(process, {1.5, 1e-3}, {100, 1}, {900, 1}, 0.001, 1);
  EXPECT_LT(process.log_e, -2);
}

}  // namespace
}  // namespace sluice::judge
