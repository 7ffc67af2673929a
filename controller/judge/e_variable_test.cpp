#include "controller/judge/e_variable.h"

#include <gtest/gtest.h>
#include <array>
#include <cmath>
#include <random>

namespace sluice::judge {
namespace {

// Equal in every digit that docs/judge.md prints.
void expect_printed(double value, double printed, double last_digit) { EXPECT_NEAR(value, printed, 0.5001 * last_digit); }

double projected(const Limit& limit, double n1, double n0, double p0, double c) {
  return nearest_baseline(limit, n1, odds_multiple(limit.at(p0), c), n0, p0);
}

TEST(EVariable, GoldenValues) {
  const Limit limit{1.1, 1e-4};
  expect_printed(projected(limit, 100, 900, 0.01, 3), 0.01211479487, 1e-11);
  expect_printed(log_e(limit, {100, 5}, {900, 9}, 0.01, 3), 2.748512578, 1e-9);

  expect_printed(projected(limit, 37, 700, 0.001, 100), 0.006229402825, 1e-12);
  expect_printed(log_e(limit, {37, 37}, {700, 1}, 0.001, 100), 103.0771253, 1e-7);

  const Limit promotion{1.5, 1e-3};
  expect_printed(projected(promotion, 2500, 2500, 0.001, 0.4), 0.0005874316752, 1e-13);
  expect_printed(log_e(promotion, {2500, 0}, {2500, 3}, 0.001, 0.4), 2.767272071, 1e-9);
}

TEST(EVariable, ForRareErrorsAndNoSlackItIsTheConditionalBinomialTest) {
  const double theta = 1.1, c = 4, n1 = 1e9, n0 = 9e9, p0 = 1e-9;
  const double r = n1 / n0;
  const double x = (c - 1) / (1 + c * theta * r);
  for (double k1 : {0.0, 1.0, 7.0})
    for (double k0 : {0.0, 2.0, 11.0})
      EXPECT_NEAR(log_e({theta, 0}, {n1, k1}, {n0, k0}, p0, c), k1 * std::log1p(x) + k0 * std::log1p(-theta * r * x), 1e-6)
          << k1 << " " << k0;
}

TEST(EVariable, WithoutBaselineOnlyTheAbsoluteLimitSpeaks) {
  EXPECT_EQ(log_e({1.1, 1e-4}, {100, 50}, {0, 0}, 0.01, 5), 0);
  EXPECT_EQ(log_e({1.1, 1e-4}, {0, 0}, {100, 50}, 0.01, 5), 0);
  const double p1 = odds_multiple(0.01, 5);
  EXPECT_NEAR(log_e({0, 0.01}, {100, 50}, {0, 0}, 0.5, 5), 50 * std::log(p1 / 0.01) + 50 * std::log((1 - p1) / 0.99), 1e-9);
}

TEST(EVariable, NothingIsProvenAgainstALimitThatAllowsEverything) { EXPECT_EQ(log_e({1.1, 0}, {100, 100}, {100, 99}, 0.95, 5), 0); }

// ln E[e^l] for true rates p1, p0. The expectation factors over requests, each factor linear in the true rate:
// E = A^n1 B^n0, A = p1 * (P1/q1) + (1-p1) * (1-P1)/(1-q1); read off log_e itself with one bad or one good request.
struct Expectation {
  double good1, bad1, good0, bad0;

  Expectation(const Limit& limit, double n1, double n0, double p0_hat, double c) {
    // log_e is linear in the counts, so differences give the pay-out of one request exactly enough.
    const double base = log_e(limit, {n1, 0}, {n0, 0}, p0_hat, c);
    const double with_bad1 = log_e(limit, {n1, n1}, {n0, 0}, p0_hat, c);
    const double q = nearest_baseline(limit, n1, odds_multiple(limit.at(p0_hat), c), n0, p0_hat);
    const double p1 = odds_multiple(limit.at(p0_hat), c);
    good1 = std::log1p((limit.at(q) - p1) / (1 - limit.at(q)));
    good0 = std::log1p((q - p0_hat) / (1 - q));
    bad1 = good1 + (with_bad1 - base) / n1;
    bad0 = good0 + (log_e(limit, {n1, 0}, {n0, n0}, p0_hat, c) - base) / n0;
    EXPECT_NEAR(base, n1 * good1 + n0 * good0, 1e-9 * (1 + std::abs(base)));
  }
  double log_mean(double n1, double p1, double n0, double p0) const {
    return n1 * std::log1p(p1 * std::expm1(bad1) + (1 - p1) * std::expm1(good1)) +
           n0 * std::log1p(p0 * std::expm1(bad0) + (1 - p0) * std::expm1(good0));
  }
};

TEST(EVariable, ExpectationIsAtMostOneForEveryAcceptableCanary) {
  std::mt19937_64 random(20261123);
  const auto log_uniform = [&](double low, double high) {
    return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random));
  };
  double largest = -1;
  for (int design = 0; design < 3000; ++design) {
    const Limit limit{log_uniform(0.8, 3), design % 3 == 0 ? 0.0 : log_uniform(1e-6, 1e-2)};
    const double n1 = std::ceil(log_uniform(1, 1e5)), n0 = std::ceil(log_uniform(1, 1e5));
    const double p0_hat = log_uniform(1e-6, 0.3);
    const bool harm = design % 2 == 0;
    const double c = harm ? log_uniform(1.05, 100) : log_uniform(0.02, 0.95);
    if (limit.at(p0_hat) >= 0.99) continue;
    const Expectation e(limit, n1, n0, p0_hat, c);
    for (int i = 0; i < 60; ++i) {
      const double p0 = 1e-7 * std::pow(0.98 / 1e-7, i / 59.0);
      const double edge = limit.at(p0);
      if (edge >= 1) break;
      const double inside = harm ? edge * 0.7 : edge + (1 - edge) * 0.3;
      largest = std::max({largest, e.log_mean(n1, edge, n0, p0), e.log_mean(n1, inside, n0, p0)});
    }
  }
  EXPECT_LE(std::exp(largest), 1 + 1e-9) << largest;
  EXPECT_GE(largest, -0.01) << "the grid never came near the projection: the property was not exercised";
}

TEST(EVariable, SeveralOddsAtOnceAreWhatEachIsAlone) {
  std::mt19937_64 random(9);
  const auto log_uniform = [&](double low, double high) {
    return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random));
  };
  for (int i = 0; i < 2000; ++i) {
    const Limit limit{i % 7 == 0 ? 0 : log_uniform(0.8, 3), log_uniform(1e-6, 1e-2)};
    const Counts canary{log_uniform(1, 1e5), 0.5}, baseline{log_uniform(1, 1e5), 0.25};
    const double p0 = log_uniform(1e-7, 0.99);
    std::array<double, 10> odds, out;
    for (double& c : odds) c = i % 2 == 0 ? log_uniform(1.05, 100) : log_uniform(0.02, 0.95);
    log_e(limit, canary, baseline, p0, odds, out);
    for (std::size_t j = 0; j < odds.size(); ++j) {
      const double alone = log_e(limit, canary, baseline, p0, odds[j]);
      EXPECT_NEAR(out[j], alone, 1e-9 * (1 + std::abs(alone)));
    }
  }
}

// More bad canary requests are never less evidence of harm, more bad baseline requests never more; of health the reverse.
TEST(EVariable, EvidenceGrowsWithTheCanarysFailuresAndShrinksWithTheBaselines) {
  std::mt19937_64 random(10);
  const auto log_uniform = [&](double low, double high) {
    return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random));
  };
  for (int i = 0; i < 20000; ++i) {
    const bool harm = i % 2 == 0;
    const Limit limit{log_uniform(1, 3), i % 3 == 0 ? 0.0 : log_uniform(1e-6, 1e-2)};
    const double n1 = std::ceil(log_uniform(1, 1e5)), n0 = std::ceil(log_uniform(1, 1e5));
    const double k1 = std::floor(std::uniform_real_distribution<double>(0, 1)(random) * n1);
    const double k0 = std::floor(std::uniform_real_distribution<double>(0, 1)(random) * n0);
    const double p0 = log_uniform(1e-6, 0.5), c = harm ? log_uniform(1.05, 100) : log_uniform(0.02, 0.95);
    if (limit.at(p0) >= 0.99) continue;
    const double here = log_e(limit, {n1, k1}, {n0, k0}, p0, c), sign = harm ? 1 : -1, slack = 1e-9 * (1 + std::abs(here));
    if (k1 < n1) { EXPECT_GE(sign * (log_e(limit, {n1, k1 + 1}, {n0, k0}, p0, c) - here), -slack); }
    if (k0 < n0) { EXPECT_LE(sign * (log_e(limit, {n1, k1}, {n0, k0 + 1}, p0, c) - here), slack); }
  }
}

// "The canary is not worse" with the arms exchanged is "the baseline is not better": the same bet, the same pay-out.
TEST(EVariable, ExchangingTheArmsExchangesHarmAndHealth) {
  std::mt19937_64 random(11);
  const auto log_uniform = [&](double low, double high) {
    return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random));
  };
  for (int i = 0; i < 5000; ++i) {
    const Counts canary{log_uniform(1, 1e5), 0.7}, baseline{log_uniform(1, 1e5), 0.3};
    const double p0 = log_uniform(1e-5, 0.5), c = log_uniform(1.05, 50);
    const double there = log_e({1, 0}, canary, baseline, p0, c);
    const double back = log_e({1, 0}, baseline, canary, odds_multiple(p0, c), 1 / c);
    EXPECT_NEAR(there, back, 1e-8 * (1 + std::abs(there)));
  }
}

TEST(EVariable, TwiceTheTrafficIsTwiceTheEvidence) {
  const double once = log_e({1.1, 1e-4}, {100, 5}, {900, 9}, 0.01, 3);
  EXPECT_NEAR(log_e({1.1, 1e-4}, {200, 10}, {1800, 18}, 0.01, 3), 2 * once, 1e-9);
}

// With k1 = 0 the true rates (0, 0) and (0, 1) would be certain to give k0 = 0 and k0 = n0, and both are acceptable; so the
// e-variable, whose expectation is at most 1 there, is at most 1 at both ends, and in between its logarithm is linear.
TEST(EVariable, ATickWithoutABadCanaryRequestIsNeverEvidenceOfHarm) {
  std::mt19937_64 random(8);
  const auto log_uniform = [&](double low, double high) {
    return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random));
  };
  for (int i = 0; i < 20000; ++i) {
    const Limit limit{log_uniform(1, 3), i % 2 == 0 ? 0.0 : log_uniform(1e-6, 0.1)};
    const double n1 = log_uniform(1, 1e6), n0 = log_uniform(1, 1e6);
    const double k0 = i % 3 == 0 ? 0 : i % 3 == 1 ? n0 : log_uniform(1e-6, 1) * n0;
    EXPECT_LE(log_e(limit, {n1, 0}, {n0, k0}, log_uniform(1e-7, 0.99), log_uniform(1.05, 100)), 1e-9);
  }
}

}  // namespace
}  // namespace sluice::judge
