#include "controller/judge/pod_spread.h"

#include <algorithm>
#include <cmath>

namespace sluice::judge {

double pod_spread(std::span<const std::vector<Counts>> windows) {
  // Given rates p*e^u with variance t of e^u, E (k-e)^2 = e(1-p) + t*e^2; estimating p takes one of m degrees of freedom.
  double excess = 0, squares = 0;
  for (const std::vector<Counts>& pods : windows) {
    Counts all;
    double m = 0;
    for (const Counts& pod : pods) {
      if (!pod.valid() || pod.total <= 0) continue;
      all += pod;
      ++m;
    }
    if (m < 2 || all.bad <= 0) continue;
    const double p = all.ratio();
    for (const Counts& pod : pods) {
      if (!pod.valid() || pod.total <= 0) continue;
      const double expected = pod.total * p;
      const double miss = pod.bad - expected;
      excess += miss * miss * m / (m - 1) - expected * (1 - p);
      squares += expected * expected;
    }
  }
  if (!(squares > 0) || !(excess > 0)) return 0;
  return std::sqrt(std::log1p(excess / squares));
}

double pod_factor(double tau, int canary_pods, int baseline_pods) {
  if (!(tau > 0) || canary_pods <= 0 || baseline_pods <= 0) return 1;
  return std::min(100.0, std::exp(2.58 * tau * std::sqrt(1.0 / canary_pods + 1.0 / baseline_pods)));
}

}  // namespace sluice::judge
