#include "tests/bench/judge/random.h"

#include <gtest/gtest.h>
#include <cmath>
#include <functional>

namespace sluice::bench {
namespace {

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(const std::function<double()>& draw, int n = 200'000) {
  double sum = 0, square = 0;
  for (int i = 0; i < n; ++i) {
    const double x = draw();
    sum += x;
    square += x * x;
  }
  const double mean = sum / n;
  return {mean, square / n - mean * mean};
}

TEST(Random, PoissonNumbersHaveTheMeanAsMeanAndVariance) {
  Random random(1);
  for (double mean : {0.05, 1.0, 9.9, 10.1, 75.0, 7500.0}) {
    const Moments m = moments([&] { return random.poisson(mean); });
    EXPECT_NEAR(m.mean, mean, 5 * std::sqrt(mean / 200'000)) << mean;
    EXPECT_NEAR(m.variance / mean, 1, 0.03) << mean;
  }
  EXPECT_EQ(random.poisson(0), 0);
}

// P(X = 0) and P(X <= mean) where the two ways of drawing meet.
TEST(Random, PoissonNumbersHaveTheRightShape) {
  Random random(2);
  int zero = 0, below = 0;
  constexpr int kDraws = 400'000;
  for (int i = 0; i < kDraws; ++i) {
    zero += random.poisson(2) == 0;
    below += random.poisson(12) <= 12;
  }
  EXPECT_NEAR(zero / static_cast<double>(kDraws), std::exp(-2), 0.003);
  EXPECT_NEAR(below / static_cast<double>(kDraws), 0.5760, 0.004);  // sum of e^-12 12^k/k!, k = 0 ... 12
}

TEST(Random, NormalAndGammaNumbersHaveTheirMoments) {
  Random random(3);
  const Moments normal = moments([&] { return random.normal(); });
  EXPECT_NEAR(normal.mean, 0, 0.012);
  EXPECT_NEAR(normal.variance, 1, 0.02);
  for (double shape : {0.4, 1.0, 7.0}) {
    const Moments gamma = moments([&] { return random.gamma(shape); });
    EXPECT_NEAR(gamma.mean / shape, 1, 0.02) << shape;
    EXPECT_NEAR(gamma.variance / shape, 1, 0.05) << shape;
  }
}

// Geometric sizes of mean m: variance m(m-1).
TEST(Random, BurstsAddUpGeometricSizes) {
  Random random(4);
  const Moments one = moments([&] { return random.bursts(1, 5); });
  EXPECT_NEAR(one.mean, 5, 0.06);
  EXPECT_NEAR(one.variance, 20, 0.7);
  const Moments ten = moments([&] { return random.bursts(10, 5); });
  EXPECT_NEAR(ten.mean, 50, 0.2);
  EXPECT_NEAR(ten.variance, 200, 6);
  EXPECT_EQ(random.bursts(0, 5), 0);
}

TEST(Random, SeedsOfNeighbouringRunsCellsAndSeedsShareNothing) {
  const std::uint64_t one = run_seed(1, "a", 0);
  EXPECT_EQ(run_seed(1, "a", 0), one);
  for (const std::uint64_t other : {run_seed(2, "a", 0), run_seed(1, "b", 0), run_seed(1, "a", 1)}) {
    const int equal_bits = 64 - __builtin_popcountll(other ^ one);
    EXPECT_GT(equal_bits, 16);
    EXPECT_LT(equal_bits, 48);
  }
}

}  // namespace
}  // namespace sluice::bench
