// Differences between pods that stay: one on a slow node, one with a cold cache. Time does not average them out, pods do.
//
// With m1 pods as the canary and m0 as the baseline two equal versions differ by chance of the draw alone; the tolerated factor
// is widened by what that can be. Pods' rates are taken to be log-normal with standard deviation tau.
// What does not stay (bursts, a pod that wanders) is not counted: it differs from one half of a window to the other, so the
// covariance of the halves leaves it out where the variance of the whole would take it for a difference between pods.
// Pure functions. Source: docs/judge.md; method of moments as in DerSimonian, Laird, "Meta-analysis in clinical trials" (1986), of a
// covariance as in any test-retest reliability.
#pragma once

#include <span>
#include <vector>

#include "controller/judge/counts.h"

namespace sluice::judge {

// Requests of one pod in the first and in the second half of a window.
struct PodHalves {
  Counts first, second;
  friend bool operator==(const PodHalves&, const PodHalves&) = default;
};

// tau: standard deviation of the logarithm of the pods' rates as far as it is the same in both halves, over windows of [pod] counts.
// 0 if there is none, if it is within two standard errors of none (too little then speaks for it, and calibrated phis make up for
// what is left), or if no window has two pods with requests in both halves.
double pod_spread(std::span<const std::vector<PodHalves>> windows);

// By what the spread may set two faultless arms apart, at 0.5 % per side: exp(2.58 * tau * sqrt(1/m1 + 1/m0)).
// 1 where a number of pods is unknown (0). At most 100.
double pod_factor(double tau, int canary_pods, int baseline_pods);

}  // namespace sluice::judge
