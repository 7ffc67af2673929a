#include "tests/bench/judge/bound.h"

#include <cmath>
#include <limits>

namespace sluice::bench {

double information(const judge::Limit& limit, const Truth& truth) {
  if (truth.n1 <= 0 || truth.n0 <= 0 || truth.p1 <= limit.at(truth.p0)) return 0;
  const double p1 = std::min(truth.p1, 1 - 1e-9);  // the projection wants probabilities inside (0, 1)
  const double s = judge::nearest_baseline(limit, truth.n1, p1, truth.n0, truth.p0);
  return truth.n1 * judge::divergence(p1, limit.at(s)) + truth.n0 * judge::divergence(truth.p0, s);
}

double bound_ticks(const judge::Limit& limit, const Scenario& scenario, double alpha) {
  const double requests = scenario.rps * Scenario::kSeconds;
  const double gain = information(limit, {requests * scenario.weight, std::min(1.0, scenario.canary.at(scenario.base)),
                                          requests * (1 - scenario.weight), scenario.base});
  return gain > 0 ? std::log(1 / alpha) / gain : std::numeric_limits<double>::infinity();
}

}  // namespace sluice::bench
