#include "tests/bench/judge/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace sluice::bench {

namespace {

std::uint64_t splitmix(std::uint64_t& x) {
  x += 0x9e3779b97f4a7c15;
  std::uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// ln k!: Stirling's series, exact to 1e-10 from 10 on. (std::lgamma writes a global sign: a race between threads.)
double log_factorial(double k) {
  static constexpr std::array<double, 10> kSmall{0,
                                                 0,
                                                 0.6931471805599453,
                                                 1.791759469228055,
                                                 3.1780538303479458,
                                                 4.787491742782046,
                                                 6.579251212010101,
                                                 8.525161361065415,
                                                 10.60460290274525,
                                                 12.801827480081469};
  if (k < 10) return kSmall[static_cast<std::size_t>(k)];
  const double x = k + 1;
  const double square = 1 / (x * x);
  return (x - 0.5) * std::log(x) - x + 0.9189385332046727 + (1.0 / 12 - square * (1.0 / 360 - square / 1260)) / x;
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) word = splitmix(seed);
}

std::uint64_t Random::bits() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1.0p-53; }

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(uniform()));
  const double angle = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

double Random::gamma(double shape) {
  if (shape < 1) return gamma(shape + 1) * std::pow(uniform(), 1 / shape);
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal();
    const double cube = 1 + c * x;
    if (cube <= 0) continue;
    const double v = cube * cube * cube;
    if (std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double Random::poisson(double mean) {
  if (!(mean > 0)) return 0;
  if (mean < 10) {
    double term = std::exp(-mean), k = 0;
    double left = uniform() - term;
    while (left > 0 && k < 200) {
      k += 1;
      term *= mean / k;
      left -= term;
    }
    return k;
  }
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = uniform() - 0.5;
    const double v = uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * std::log(mean) - mean - log_factorial(k)) return k;
  }
}

double Random::bursts(double count, double mean_size) {
  if (!(count > 0)) return 0;
  // What a geometric size has beyond 1 is a count of failures before a success; their sum is a Poisson of a gamma.
  return count + poisson(gamma(count) * (mean_size - 1));
}

std::uint64_t run_seed(std::uint64_t seed, std::string_view cell, std::uint64_t run) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : cell) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::uint64_t x = seed;
  x = splitmix(x) ^ hash;
  x = splitmix(x) ^ run;
  return splitmix(x);
}

}  // namespace sluice::bench
