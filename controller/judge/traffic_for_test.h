// Simulated traffic for the judge's tests: Poisson requests split by weight, independent failures.
#pragma once

#include <random>

#include "controller/judge/counts.h"

namespace sluice::judge {

struct Traffic {
  double rate = 50;     // requests per second of both arms
  double weight = 0.1;  // the canary's share
  double seconds = 15;  // of one tick
  double base = 0.001;  // probability of a bad request, baseline
  double ratio = 1;     // canary : baseline

  SloTick tick(std::mt19937_64& random) const {
    const auto arm = [&](double mean, double p) {
      Counts c;
      if (mean <= 0) return c;
      const auto n = std::poisson_distribution<long>(mean)(random);
      c.total = static_cast<double>(n);
      c.bad = static_cast<double>(std::binomial_distribution<long>(n, std::min(p, 1.0))(random));
      return c;
    };
    const double requests = rate * seconds;
    return {arm(requests * weight, base * ratio), arm(requests * (1 - weight), base)};
  }
};

}  // namespace sluice::judge
