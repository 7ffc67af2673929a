// The information bound: how soon any rule could know.
//
// A tick tells I = min_s [n1*kl(p1 || theta*s+delta) + n0*kl(p0 || s)] about a canary beyond the limit theta*p0+delta, kl being the
// Bernoulli Kullback-Leibler divergence. A rule that rolls back acceptable canaries with probability at most alpha, and bad ones
// nearly always, needs an expected sum of kl(1-mu || alpha), which is ln(1/alpha) as the misses mu go to 0. So the information spent
// until the rollback, divided by ln(1/alpha), is a delay in units of the bound, also where traffic and weight change.
// Source: Wald, "Sequential analysis" (1947); Gruenwald et al., "Safe testing" for the projection; docs/judge.md.
#pragma once

#include "controller/judge/e_variable.h"
#include "tests/bench/judge/traffic.h"

namespace sluice::bench {

// In nats, of one tick. 0 within the limit, and where an arm has no requests.
double information(const judge::Limit& limit, const Truth& truth);

// Ticks until ln(1/alpha) is gathered at the scenario's rates, nothing changing; infinite if never.
double bound_ticks(const judge::Limit& limit, const Scenario& scenario, double alpha);

}  // namespace sluice::bench
