// How long until a regression is proven, with this traffic, weight and SLO? Before the first request is sent.
//
// The least number of requests that any test with these error rates needs (controller/judge/forecast.h), divided by the traffic and
// times what the judge was measured to take. An objective adds the test of the canary alone. Of a whole latency distribution it is the
// least number at the bound at which the shift shows most, which the other bounds help a little.
// Pure functions. Times in seconds, shares of requests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/judge/forecast.h"
#include "controller/judge/latency_bounds.h"

namespace sluice::judge_tool {

// How many times the least number of requests the judge takes, in the median of simulated rollouts, and in one rollout of twenty
// (outlook_test.cpp measures both anew). Without calibration it estimates while judging how clumpy errors are, carefully, which costs
// as much again.
struct Efficiency {
  double fail = 0, fail_slow = 0, pass = 0;
};
inline constexpr Efficiency kCalibrated{1.3, 3.1, 1.1};
inline constexpr Efficiency kUncalibrated{2.5, 4.7, 1.7};
// Of a latency distribution, against the bound at which the shift shows most.
inline constexpr Efficiency kCalibratedLatency{1.0, 1.8, 1.1};
inline constexpr Efficiency kUncalibratedLatency{2.0, 3.3, 1.5};

struct Situation {
  double rate = 50;     // requests per second of both arms
  double base = 0.001;  // the baseline's share of bad requests, above 0; not of a latency distribution
  double tick_seconds = 15;
  double max_seconds = 7'200;                    // maxDuration
  std::optional<double> phi;                     // what evidence is divided by, of a calibration; empty: not calibrated
  judge::TrialPlan plan;                         // with one SLO; of a latency distribution its bounds are those of `latency`
  std::optional<judge::LatencyHistory> latency;  // how long the baseline's requests take: the SLO is their distribution

  Efficiency efficiency() const {
    if (latency) return phi ? kCalibratedLatency : kUncalibratedLatency;
    return phi ? kCalibrated : kUncalibrated;
  }
};

// Typical (median) time until FAIL of a canary that is `ratio` times as bad, or of a distribution as slow, 0 < weight < 1. Empty: it lies
// within the tolerance.
std::optional<double> seconds_to_fail(const Situation& s, double weight, double ratio);
// Typical time until PASS of a canary as good as the baseline; the bake time of the last step is the caller's. Empty: never.
std::optional<double> seconds_to_pass(const Situation& s, double weight);
// The smallest ratio that is typically proven within `seconds`, up to 1000. Empty: not even that.
std::optional<double> smallest_ratio(const Situation& s, double weight, double seconds);

// What to do about a regression of `ratio` that is not typically proven within maxDuration at `weight`, as sentences with numbers:
// a higher weight, a longer run, more traffic, a larger regression, another tolerance. Empty if it is proven in time.
std::vector<std::string> advice(const Situation& s, double weight, double ratio);

}  // namespace sluice::judge_tool
