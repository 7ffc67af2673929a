// Differences between pods that stay: one on a slow node, one with a cold cache. Time does not average them out, pods do.
//
// With m1 pods as the canary and m0 as the baseline two equal versions differ by chance of the draw alone; the tolerated factor
// is widened by what that can be. Pods' rates are taken to be log-normal with standard deviation tau.
// Pure functions. Source: docs/judge.md; DerSimonian, Laird, "Meta-analysis in clinical trials" (1986) for the method of moments.
#pragma once

#include <span>
#include <vector>

#include "controller/judge/counts.h"

namespace sluice::judge {

// tau: standard deviation of the logarithm of the pods' rates beyond what chance explains, over windows of [pod] counts. 0 if
// there is none, or no window has two pods.
double pod_spread(std::span<const std::vector<Counts>> windows);

// By what the spread may set two faultless arms apart, at 0.5 % per side: exp(2.58 * tau * sqrt(1/m1 + 1/m0)).
// 1 where a number of pods is unknown (0). At most 100.
double pod_factor(double tau, int canary_pods, int baseline_pods);

}  // namespace sluice::judge
