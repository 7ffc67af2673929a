// The two-sample e-variable: how strongly one tick speaks against "the canary is acceptable".
//
// An e-variable is the pay-out of a fair bet against the null: its expected value is at most 1 while the null is true,
// whatever the baseline's rate is, so a large value is evidence and values of successive ticks may be multiplied.
// The null here is a limit on the canary's probability p1 of a bad request, given the baseline's p0:
//   p1 <= theta * p0 + delta   tested with odds multiples c > 1 (evidence that the canary is too bad), or
//   p1 >= theta * p0 + delta   tested with odds multiples c < 1 (evidence that it is good enough).
// The bet is the likelihood ratio of (p1, p0_hat), p1 being c times the limit's odds, against the point of the null that
// is nearest in Kullback-Leibler divergence (the reverse information projection).
// Pure functions; requests of a tick are taken to be independent given the tick (overdispersion.h loosens that).
//
// Source: Turner, Ly, Gruenwald, "Generic E-variables for exact sequential k-sample tests that allow for optional
// stopping" (2021/2024), Theorem 1 and the 2x2 case; Gruenwald, de Heide, Koolen, "Safe testing" (2019) for the
// projection; validity on this linear null is shown in docs/judge.md.
#pragma once

#include <span>

#include "controller/judge/counts.h"

namespace sluice::judge {

// The line theta * p0 + delta. theta >= 0, 0 <= delta < 1; theta == 0 is an absolute limit and needs no baseline.
struct Limit {
  double theta = 1.1;
  double delta = 1e-4;

  double at(double p0) const { return theta * p0 + delta; }
};

// The canary's probability whose odds are c times those of `limit` (a probability in (0, 1)).
inline double odds_multiple(double limit, double c) { return c * limit / (1 + limit * (c - 1)); }

// kl(p || q), the Kullback-Leibler divergence of two Bernoulli distributions, in nats. 0 <= p <= 1, 0 < q < 1.
double divergence(double p, double q);

// The baseline rate s at which the null comes nearest to (p1, p0):
//   argmin_s n1*kl(p1 || theta*s+delta) + n0*kl(p0 || s),   kl = Bernoulli Kullback-Leibler divergence.
// theta > 0, n1 > 0, n0 > 0, 0 < p0 < 1, 0 < p1 < 1, (p1, p0) outside the null. Relative error about 1e-15.
double nearest_baseline(const Limit& limit, double n1, double p1, double n0, double p0);

// Logarithm of the e-variable of one tick against the limit, for a baseline rate p0_hat that was guessed before the tick
// (any guess is valid; a good one gives power) and the odds multiple c > 0.
// 0 (no information) where an arm has no requests or no p1 < 1 lies beyond the limit. Finite for all valid counts.
double log_e(const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat, double c);

// The same for several odds multiples (at most kMaxOdds, all on one side of 1), in less time than one after the other.
inline constexpr std::size_t kMaxOdds = 16;
void log_e(const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat, std::span<const double> odds,
           std::span<double> out);

}  // namespace sluice::judge
