// How much more than independent requests would the split of failures between the arms jump from tick to tick?
//
// phi = 1 means not at all. Bursts and pods that drift make it larger; log-evidence is divided by it (tempering: e^(l/phi)
// is still an e-variable for phi >= 1 by Jensen's inequality, and exact under clusters of up to phi dependent requests).
// This is the estimate for services without replayed history: Pearson's chi-square per degree of freedom of the canary's
// failures k1, given all failures K of a block, around the fitted ratio, for blocks of 1, 4 and 16 ticks; the largest of
// the three, each drawn towards 2 with the weight of 40/sqrt(block) degrees of freedom. It carries no finite-sample
// guarantee, so sentences call it uncalibrated. Values before a tick are used for that tick.
// Source: docs/judge.md; McCullagh, Nelder, "Generalized Linear Models", 4.5 and 9.2 for the estimate.
#pragma once

#include <array>

#include "controller/judge/counts.h"

namespace sluice::judge {

struct Overdispersion {
  static constexpr std::array<int, 3> kBlocks{1, 4, 16};

  struct Block {
    double bad = 0;       // k1
    double expected = 0;  // of k1 given K
    double variance = 0;
    friend bool operator==(const Block&, const Block&) = default;
  };

  std::array<double, 3> chi_square{};
  std::array<double, 3> freedom{};
  std::array<Block, 3> open{};
  int ticks = 0;

  // Learns from one tick; `ratio` is the fitted rate ratio with this tick included.
  void add(const Counts& canary, const Counts& baseline, double ratio);
  double phi() const;  // >= 1

  friend bool operator==(const Overdispersion&, const Overdispersion&) = default;
};

}  // namespace sluice::judge
