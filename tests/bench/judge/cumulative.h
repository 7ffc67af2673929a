// Two tests of the difference of the error shares so far, canary minus baseline, on totals since the canary came.
#pragma once

#include "tests/bench/judge/contender.h"

namespace sluice::bench {

// Totals of both arms, and the difference of their error shares with its estimated variance.
struct Totals {
  judge::Counts canary, baseline;

  void add(const Tick& tick);
  double difference() const { return canary.ratio() - baseline.ratio(); }
  // Of the difference, both shares taken as equal; 0 while nothing is known.
  double variance() const;
};

// What many dashboards do: a one-sided test at 1 % every minute, as if each were the only one.
class NaiveZ : public Contender {
 public:
  bool rolls_back(const Tick& tick) override;

 private:
  Totals totals_;
  int ticks_ = 0;
};

// The mixture sequential probability ratio test of online experiments, at 1 %, every tick: rolls back when
//   sqrt(V/(V+tau^2)) * exp(d^2*tau^2 / (2*V*(V+tau^2))) >= 100  and  d > 0,
// d the difference and V its variance. tau, the size of effect looked for, is the baseline's error share so far, which is kind to
// it; the normal approximation is not trusted below 20 errors.
// Source: Johari, Pekelis, Walsh, "Always valid inference: continuous monitoring of A/B tests" (2015/2022).
class MixtureRatio : public Contender {
 public:
  bool rolls_back(const Tick& tick) override;

 private:
  Totals totals_;
};

}  // namespace sluice::bench
