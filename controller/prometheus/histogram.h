// Latency histograms, classic and native, read as one thing: how many observations there were in all and at most each bound.
//
// A classic histogram is a counter per bound (label le, cumulative); a native one is a sample that holds its buckets, whose
// bounds are powers of 2^(2^-schema). Prometheus lowers the schema when a histogram grows wide; every bound of the
// coarser schema is one of the finer too, so the coarsest that was seen gives bounds that all samples know exactly.
// Increments follow the rules of sampling.h; a histogram is reset as a whole. Bounds are in the metric's unit, as a rule
// seconds. Pure functions.
// Source: Prometheus' "Native Histograms" specification (exponential schemas, buckets open to the left, the zero bucket).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controller/prometheus/client.h"
#include "controller/prometheus/sampling.h"

namespace sluice::prometheus {

// One arm's observations in one tick.
struct HistogramIncrements {
  double total = 0;
  std::vector<double> above;                              // per bound that was asked for: observations greater than it, 0..total
  std::map<std::string, judge::Counts> pods;              // per pod label: total, and above the last bound in `bad`
  std::map<std::string, std::vector<double>> pods_above;  // per pod label and bound
  bool seen = false;                                      // some target had a sample in the tick
  double coverage = 0;                                    // as in ArmIncrements
  double spacing = 0;
  int resets = 0;
  int incomplete = 0;  // classic histograms, and samples of native ones, left out because they lack a bound
};

// The bounds, ascending, finite and positive, that all histograms of `series` have: of classic ones (label le) those common
// to all, of native ones the bounds of the coarsest schema within what was observed. Empty: none, or both kinds mixed.
std::vector<double> bounds_of(const std::vector<Series>& series);

// What the histograms of `series` (all buckets of classic ones, or native ones) observed above each of `bounds`, per tick
// (borders[i], borders[i+1]]. Bounds must ascend and come from bounds_of().
std::vector<HistogramIncrements> histogram_increments(const std::vector<Series>& series, const std::vector<double>& bounds,
                                                      const std::vector<Time>& borders, const Pods& pods);

// The bound of the coarsest schema of native histograms that is nearest to `seconds` by ratio; empty: nothing was observed, or
// the buckets are not exponential.
std::optional<double> native_bound(const std::vector<Series>& series, double seconds);

// A bound as Prometheus writes it in le ("0.25", "+Inf") as a number; 0: not one.
double bound_value(const std::string& le);

}  // namespace sluice::prometheus
