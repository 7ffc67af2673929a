#include "controller/judge/overdispersion.h"

#include <algorithm>
#include <cmath>

namespace sluice::judge {

void Overdispersion::add(const Counts& canary, const Counts& baseline, double ratio) {
  const double failures = canary.bad + baseline.bad;
  const double requests = canary.total + baseline.total;
  if (canary.total <= 0 || baseline.total <= 0) return;
  ++ticks;
  const double share = ratio * canary.total / (ratio * canary.total + baseline.total);
  // Draws without replacement: where most requests are "bad" (latency bounds), the split can vary less than a coin.
  const double variance = failures * share * (1 - share) * std::max(0.0, 1 - failures / requests);
  for (std::size_t i = 0; i < kBlocks.size(); ++i) {
    Block& block = open[i];
    block.bad += canary.bad;
    block.expected += failures * share;
    block.variance += variance;
    if (ticks % kBlocks[i] != 0) continue;
    if (block.variance > 1e-9) {
      const double miss = block.bad - block.expected;
      chi_square[i] += miss * miss / block.variance;
      freedom[i] += 1;
    }
    block = {};
  }
}

double Overdispersion::phi() const {
  constexpr double kPriorPhi = 2;
  double largest = 1;
  for (std::size_t i = 0; i < kBlocks.size(); ++i) {
    const double prior = 40 / std::sqrt(static_cast<double>(kBlocks[i]));
    largest = std::max(largest, (prior * kPriorPhi + chi_square[i]) / (prior + freedom[i]));
  }
  return largest;
}

}  // namespace sluice::judge
