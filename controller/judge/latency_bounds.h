// Which latency bounds a run is judged at, chosen once at its start from the baseline's past.
//
// Whole distributions are compared at up to seven bounds. At each the question is the same as for errors: is the share of
// requests above the bound larger than tolerated? "A slow-down by m is tolerated" becomes theta_b = P(X > b/(1+m)) / P(X > b).
// Only a bucket's own upper bound is exact, so only those are chosen. Native histograms change their resolution while they run: take
// the bounds of the coarsest one seen (coarsened()), which every finer one has too.
// Pure functions. Latencies in seconds, counts are requests.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "common/core/error.h"
#include "controller/judge/plan.h"

namespace sluice::judge {

// A baseline's latency over some past stretch: `above[i]` of `total` requests took longer than `bounds[i]`. Bounds ascend, are
// positive and finite (+Inf is left out).
struct LatencyHistory {
  std::vector<double> bounds;
  std::vector<double> above;
  double total = 0;
};

// Share of the history's requests that took longer than `seconds` (> 0; total > 0): between two bounds a straight line in the logarithms,
// in the first bucket, which reaches down to 0, a plain one; beyond the last bound what is above it.
double share_above(const LatencyHistory& history, double seconds);

// Prometheus' native histogram: bucket i of schema s holds (base^(i-1), base^i], base = 2^(2^-s). -4 <= schema <= 8.
struct NativeHistogram {
  int schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;                        // requests of at most zero_threshold
  std::vector<std::pair<int, double>> buckets;  // (i, requests), i ascending
};

// Upper end of bucket `index`.
double native_bound(int schema, int index);
// The same requests in buckets of a coarser (smaller or equal) schema.
NativeHistogram coarsened(const NativeHistogram& fine, int schema);
LatencyHistory history_of(const NativeHistogram& histogram);
// Requests above `seconds`; empty unless `seconds` is a bucket's end at this schema (then the tick has no data).
std::optional<double> requests_above(const NativeHistogram& histogram, double seconds);

// At most seven of the history's bounds, ascending: those that the baseline's share above is nearest to 50, 25, 10, 5, 2, 1 and
// 0.5 % (of seven or fewer within 0.2 to 90 % all). `slowdown` is the tolerated one (0.05 = 5 %).
// Invalid: the history is no histogram, or has too few requests (10 above some bound within 0.2 to 90 % are needed).
Expected<std::vector<LatencyBound>> choose_bounds(const LatencyHistory& history, double slowdown);

}  // namespace sluice::judge
