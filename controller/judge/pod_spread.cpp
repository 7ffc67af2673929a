#include "controller/judge/pod_spread.h"

#include <algorithm>
#include <cmath>

namespace sluice::judge {
namespace {

bool counted(const PodHalves& pod) { return pod.first.valid() && pod.second.valid() && pod.first.total > 0 && pod.second.total > 0; }

}  // namespace

double pod_spread(std::span<const std::vector<PodHalves>> windows) {
  constexpr double kStandardErrors = 2;
  // Given rates p*e^u with variance t of e^u and two halves with nothing else in common, E (k-e)(k'-e') = t*e*e'; estimating p in
  // each half takes one of m degrees of freedom. Windows are independent of each other: the squares of their sums tell the error.
  double common = 0, squares = 0, variance = 0;
  for (const std::vector<PodHalves>& pods : windows) {
    PodHalves all;
    double m = 0;
    for (const PodHalves& pod : pods) {
      if (!counted(pod)) continue;
      all.first += pod.first;
      all.second += pod.second;
      ++m;
    }
    if (m < 2 || all.first.bad <= 0 || all.second.bad <= 0) continue;
    double products = 0;
    for (const PodHalves& pod : pods) {
      if (!counted(pod)) continue;
      const double first = pod.first.total * all.first.ratio(), second = pod.second.total * all.second.ratio();
      products += (pod.first.bad - first) * (pod.second.bad - second) * m / (m - 1);
      squares += first * second;
    }
    common += products;
    variance += products * products;
  }
  if (!(squares > 0) || !(common > kStandardErrors * std::sqrt(variance))) return 0;
  return std::sqrt(std::log1p(common / squares));
}

double pod_factor(double tau, int canary_pods, int baseline_pods) {
  if (!(tau > 0) || canary_pods <= 0 || baseline_pods <= 0) return 1;
  return std::min(100.0, std::exp(2.58 * tau * std::sqrt(1.0 / canary_pods + 1.0 / baseline_pods)));
}

}  // namespace sluice::judge
