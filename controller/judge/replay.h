// Calibration: the judge's own past as a test of the judge.
//
// A window is a stretch of the service's past as long as a trial, of the same hour if traffic has a daily shape, in which m1
// random baseline pods are counted as if they were the canary and the others as the baseline (docs/judge.md says how to
// record them). calibrate() judges each as it would judge a canary and returns by what evidence must be divided so that none alarms:
//   phi of a window and SLO: the smallest grid value such that neither it nor any larger one lets the SLO reach 1/alpha
//   phi of an SLO:           the largest over the windows
//   kappa:                   the factor on all of them that several SLOs together need
// The share of good requests that an objective demands is not replayed: in a real outage of the past it was right to fire.
//
// Why 1/(H+1): one SLO fails today only if today's own phi exceeds all H others; by exchangeability each of the H+1 is equally
// likely to be the largest. With several SLOs the SLOs' phis are themselves taken from the windows, so kappa is what each window
// needs with the phis of the *other* windows: today fails only if it needs more than every other one in such pairwise
// comparisons, and only one of H+1 can. (It takes for granted that dividing by more never raises evidence that is at 1/alpha,
// which is exact without the cap, by Jensen's inequality.)
// Source: docs/judge.md; exchangeability as in Vovk, Gammerman, Shafer, "Algorithmic learning in a random world" (2005); the
// leave-one-out comparison as in Barber, Candes, Ramdas, Tibshirani, "Predictive inference with the jackknife+" (2021), theorem 1.
// Pure functions, deterministic; milliseconds per window and SLO.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controller/judge/pod_spread.h"
#include "controller/judge/trial.h"

namespace sluice::judge {

struct ReplayWindow {
  std::vector<std::vector<SloTick>> ticks;  // [tick][SLO of the plan]; `canary` is the pseudo-canary
  // [SLO][pod]: requests of each baseline pod in the two halves of the window, for the spread between pods. May be empty.
  std::vector<std::vector<PodHalves>> pods;
};

inline constexpr int kMinReplays = 19;  // fewer vouch for less than 5 %
inline constexpr double kLargestPhi = 1024;

// The plan's calibration from `windows`; whatever calibration the plan has already is ignored. `taken` is for sentences.
// Invalid: the plan, fewer than kMinReplays windows, a window whose ticks do not fit the plan or cannot be counts.
Expected<Calibration> calibrate(const TrialPlan& plan, std::span<const ReplayWindow> windows, std::string taken = {});

// What one window needs for SLO number `slo` of a plan that passed check(), with the given spread between pods: a grid value from
// 1 to kLargestPhi, four to an octave. Empty: it alarms whatever phi is. Ticks that cannot be judged count as without data.
std::optional<double> needed_phi(const TrialPlan& plan, std::size_t slo, const ReplayWindow& window, double pod_spread = 0);

}  // namespace sluice::judge
