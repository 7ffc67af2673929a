// Raw counter samples -> what was added in a stretch of time, without any memory between ticks.
//
// Everything is recomputed from the raw window, so a restart, a missed tick or an overlapping query changes nothing.
// Rules (docs/judge.md says why rate() is not used):
//   - per series, the increments between consecutive samples are summed; an increment belongs to the tick that holds its
//     later sample: from < t <= to. The last sample at or before `from` is the base.
//   - a value below the one before is a counter reset: the increment is the new value (what was counted before the crash
//     and after the last scrape is lost; noted). The counters of one histogram are reset together. Those of a target are
//     not: a proxy forgets one route and keeps the others.
//   - a series that appears on a target that was scraped before begins at 0: the first error of a status code counts.
//   - a target's own first scrape is only a base: what it counted before we saw it is not of this tick.
//   - samples up to the end of a pod's warm-up serve as base only.
//   - NaN and infinite samples are ignored; so are repeated timestamps; order does not matter.
//   - a sample that reaches Prometheus only after its tick was read is the base of the next one: what it counted is lost,
//     requests and bad ones alike.
//   - targets are scraped at phases of their own, so two arms' ticks may be apart by less than a scrape spacing; each
//     request still falls into one tick, and no tick alone decides.
// target.h says what a target is. Pure functions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/core/time.h"
#include "controller/judge/counts.h"
#include "controller/prometheus/client.h"

namespace sluice::prometheus {

struct Stretch {
  Time from, to;  // (from, to]
};

// What is known of one arm's pods from the Kubernetes API; all may be empty.
struct Pods {
  std::set<std::string> expected;          // names of the pods that should be scraped; empty: unknown
  std::map<std::string, Time> warm_until;  // per pod name
};

// How `part` makes the bad requests: error counters count them, bucket counters count the good ones (fast enough).
enum class Part { Bad, Good };

struct ArmIncrements {
  judge::Counts counts;
  std::map<std::string, judge::Counts> pods;  // the same per pod label, of those seen in the stretch
  bool seen = false;                          // some target had a sample of `total` in the stretch
  double coverage = 0;                        // share of expected pods with a sample in the stretch; without expectation 1 if seen
  double spacing = 0;                         // median seconds between two scrapes of a target; 0: unknown
  int resets = 0;                             // counter resets: the tick may count too little
  int incomplete = 0;                         // targets left out because `part` (Good) has no series there
  bool foreign = false;                       // `part` comes from targets that `total` does not have
};

// Increments of one arm. Series of `total` and `part` must have been read over the same window, which should reach back
// from `from` by two scrape spacings. `part` may be empty for Bad (nothing ever failed).
// counts.bad may exceed counts.total if `part` is no subset of `total`: the caller must check Counts::valid().
ArmIncrements increments(const std::vector<Series>& total, const std::vector<Series>& part, Part kind, const Stretch& stretch,
                         const Pods& pods);

// The same for many ticks in one pass: tick i is (borders[i], borders[i+1]]. Borders must ascend; fewer than two: no tick.
// Every increment between two samples falls into exactly one tick, so ticks add up whatever their borders are.
std::vector<ArmIncrements> increments_by_tick(const std::vector<Series>& total, const std::vector<Series>& part, Part kind,
                                              const std::vector<Time>& borders, const Pods& pods);

// Median seconds between two scrapes of a target, of the times of scrapes per target; 0: unknown.
double median_spacing(const std::map<std::string, std::set<Time>>& scrapes);
// Share of the expected pods that were seen; without expectation 1 if anything was.
double coverage_of(const Pods& pods, const std::map<std::string, judge::Counts>& seen_pods, bool seen);

}  // namespace sluice::prometheus
