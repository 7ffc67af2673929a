// A fast source of random numbers that is the same on every machine: the standard's distributions are not, and seeds are printed
// so that a run can be repeated. Not thread-safe; one per run.
// Source: Blackman, Vigna, "Scrambled linear pseudorandom number generators" (xoshiro256++, seeded with splitmix64); Hoermann, "The
// transformed rejection method for generating Poisson random variables" (PTRS); Marsaglia, Tsang, "A simple method for generating
// gamma variables".
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::bench {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t bits();
  double uniform();                               // in (0, 1)
  double normal();                                // mean 0, standard deviation 1
  double gamma(double shape);                     // shape > 0, scale 1
  double poisson(double mean);                    // a whole number; 0 for mean <= 0
  double bursts(double count, double mean_size);  // the sum of `count` geometric sizes 1, 2, ... of that mean (> 1)

 private:
  std::array<std::uint64_t, 4> state_;
  double spare_ = 0;
  bool has_spare_ = false;
};

// The seed of one run of a cell: three numbers stirred into one, so that neighbours share nothing.
std::uint64_t run_seed(std::uint64_t seed, std::string_view cell, std::uint64_t run);

}  // namespace sluice::bench
