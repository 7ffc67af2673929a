#include "controller/judge/symmetric_process.h"

#include <gtest/gtest.h>
#include <cmath>
#include <numbers>
#include <random>

namespace sluice::judge {
namespace {

double log_e_of(const std::vector<double>& values) {
  SymmetricProcess process;
  for (const double x : values) update(process, x, 0.01, 1);
  return process.log_e;
}

TEST(SymmetricProcess, IsTheFormula) {
  const double a = 2 * std::log(50.0), r = 8 / (a + std::log(1 + a)), s = 3.5, v = 1 + 4 + 0.25;
  const double phi = 0.5 * std::erfc(-s / std::sqrt(v + r) / std::numbers::sqrt2);
  EXPECT_NEAR(log_e_of({1, 2, 0.5}), 0.5 * std::log(r / (v + r)) + s * s / (2 * (v + r)) + std::log(2 * phi), 1e-12);
}

// Given their sizes, symmetric numbers take each combination of signs equally often: the mean over all of them is exact.
TEST(SymmetricProcess, TheMeanOverAllSignsIsAtMostOneWhateverTheSizesAre) {
  std::mt19937_64 random(51);
  double largest = 0;
  for (int design = 0; design < 200; ++design) {
    std::vector<double> sizes(10);
    for (double& x : sizes) x = std::exp(std::normal_distribution<double>(0, 3)(random));
    double mean = 0;
    for (int signs = 0; signs < 1024; ++signs) {
      std::vector<double> values = sizes;
      for (std::size_t i = 0; i < 10; ++i)
        if (signs >> i & 1) values[i] = -values[i];
      mean += std::exp(log_e_of(values)) / 1024;
    }
    largest = std::max(largest, mean);
  }
  EXPECT_LE(largest, 1 + 1e-9);
  EXPECT_GE(largest, 0.5) << "the property was not exercised";
}

TEST(SymmetricProcess, GrowsUnderASteadyExcessAndFallsUnderItsOpposite) {
  EXPECT_GE(log_e_of(std::vector<double>(12, 1.0)), std::log(100));
  EXPECT_LT(log_e_of(std::vector<double>(12, -1.0)), -2);
}

TEST(SymmetricProcess, StaysFiniteFarFromZero) {
  std::vector<double> values(5000, -1e300);
  EXPECT_TRUE(std::isfinite(log_e_of(values)));
  values.assign(5000, HUGE_VAL);
  EXPECT_TRUE(std::isfinite(log_e_of(values)));
  values.assign(3, std::nan(""));
  EXPECT_EQ(log_e_of(values), 0);
  // Where the two ways to compute the tail meet there is no step.
  SymmetricProcess a{-9.9999, 0, 0}, b{-10.0001, 0, 0};
  a.sum *= std::sqrt(1 + 8 / (2 * std::log(50.0) + std::log1p(2 * std::log(50.0))));
  b.sum *= std::sqrt(1 + 8 / (2 * std::log(50.0) + std::log1p(2 * std::log(50.0))));
  a.squares = b.squares = 1;
  update(a, 0, 0.01, 1);
  update(b, 0, 0.01, 1);
  EXPECT_NEAR(a.log_e, b.log_e, 1e-4);
}

}  // namespace
}  // namespace sluice::judge
