// How long until a regression is proven, with this traffic, weight and SLO? Before the first request is sent.
//
// The least number of requests that any test with these error rates needs (controller/judge/forecast.h), divided by the traffic and
// times kEfficiency, as the judge does not know the size of the effect. Clumpy errors multiply it by phi. An objective adds
// the test of the canary alone. A promotion takes what the bound says and little more: its effect, none, is known.
// Pure functions. Times in seconds, shares of requests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/judge/forecast.h"

namespace sluice::judge_tool {

// Median time of the judge over the bound, of simulated rollouts (outlook_test.cpp measures it anew: 1.2 to 1.9 where the bound is
// 3 ticks or more). One in twenty takes about kSlow times the bound.
inline constexpr double kEfficiency = 1.6;
inline constexpr double kSlow = 3.5;
struct Situation {
  double rate = 50;             // requests per second of both arms
  double base = 0.001;          // the baseline's share of bad requests, above 0
  double tick_seconds = 15;
  double max_seconds = 7'200;   // maxDuration
  double phi = 1;               // how clumpy errors are; 1: independent
  judge::TrialPlan plan;        // with one SLO
};

// Typical (median) time until FAIL of a canary that is `ratio` times as bad, 0 < weight < 1. Empty: it lies within the tolerance.
std::optional<double> seconds_to_fail(const Situation& s, double weight, double ratio);
// Typical time until PASS of a canary as good as the baseline; the bake time of the last step is the caller's. Empty: never.
std::optional<double> seconds_to_pass(const Situation& s, double weight);
// The smallest ratio that is typically proven within `seconds`, up to 1000. Empty: not even that.
std::optional<double> smallest_ratio(const Situation& s, double weight, double seconds);

// What to do about a regression of `ratio` that is not typically proven within maxDuration at `weight`, as sentences with numbers:
// a higher weight, a longer run, more traffic, a larger regression, another tolerance. Empty if it is proven in time.
std::vector<std::string> advice(const Situation& s, double weight, double ratio);

}  // namespace sluice::judge_tool
