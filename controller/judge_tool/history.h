// The past of a service out of Prometheus: per tick and pod the requests of each SLO, so that any pods can be played against any.
//
// The same counting as the operator's (controller/prometheus): raw samples, no rate(). Reads an hour at a time. Errors are those of
// the client, and Invalid with the cure for a stretch, a selector or series that cannot be told apart by pod.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "controller/prometheus/sampler.h"

namespace sluice::judge_tool {

struct HistoryRequest {
  std::string pods;                        // matchers, `namespace="shop",pod=~"web-.*"`
  std::vector<prometheus::SloQuery> slos;  // of a DistributionQuery without bounds they are chosen from the half hour before
  double slowdown = 0.05;                  // tolerated, for that choice
  Time start, end;
  Duration tick{0};               // 0: the scrape spacing, but at least 15 s
  std::string pod_label = "pod";  // the label that tells pods apart
};

// What one pod had in one tick; `above` is of latency distributions.
struct PodCounts : judge::Counts {
  judge::Above above{};
};
using PodTick = std::map<std::string, PodCounts>;

struct History {
  std::vector<Time> borders;                             // tick i is (borders[i], borders[i+1]]
  std::vector<std::vector<PodTick>> slos;                // [SLO][tick]; a pod that was not scraped in the tick is not in it
  std::vector<std::vector<judge::LatencyBound>> bounds;  // [SLO], of distributions
  std::vector<std::string> notes;                        // resets, bounds that are not the threshold, partial answers

  std::size_t ticks() const { return borders.empty() ? 0 : borders.size() - 1; }
};

// `progress` is told the share done, 0 to 1.
Expected<History> read_history(const prometheus::Client& client, const HistoryRequest& request, const std::function<void(double)>& progress,
                               std::stop_token stop = {});

// The tick of one arm: its pods' requests added up; not present if none of them was seen.
judge::SloTick paired(const PodTick* canary, const PodTick* baseline);

}  // namespace sluice::judge_tool
