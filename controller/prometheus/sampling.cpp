#include "controller/prometheus/sampling.h"

#include <algorithm>
#include <cmath>

#include "controller/prometheus/counter.h"
#include "controller/prometheus/target.h"

namespace sluice::prometheus {
namespace {

struct Counter {
  std::string histogram;  // its labels without le
  std::vector<Point> points;
};

struct Target {
  std::string pod;
  std::vector<Counter> total, part;
  std::set<Time> scrapes;  // of total
  Time first = Time::max();
};

using Targets = std::map<std::string, Target>;

Targets targets_of(const std::vector<Series>& total, const std::vector<Series>& part) {
  Targets targets;
  const auto place = [&](const Series& series, bool is_total) {
    Target& target = targets[target_of(series.labels)];
    target.pod = label(series.labels, "pod");
    std::vector<Point> points = cleaned(series.points);
    if (points.empty()) return;
    target.first = std::min(target.first, points.front().at);
    if (is_total)
      for (const Point& p : points) target.scrapes.insert(p.at);
    (is_total ? target.total : target.part).push_back({labels_without_le(series.labels), std::move(points)});
  };
  for (const Series& series : total) place(series, true);
  for (const Series& series : part) place(series, false);
  return targets;
}

// Per histogram, when one of its counters was reset: they live in one process and begin again together.
std::map<std::string, std::set<Time>> resets_of(const Target& target) {
  std::map<std::string, std::set<Time>> resets;
  for (const auto* counters : {&target.total, &target.part})
    for (const Counter& counter : *counters) add_resets(counter.points, resets[counter.histogram]);
  return resets;
}

}  // namespace

double median_spacing(const std::map<std::string, std::set<Time>>& scrapes) {
  std::vector<double> gaps;
  for (const auto& [target, times] : scrapes) {
    std::optional<Time> before;
    for (const Time at : times) {
      if (before) gaps.push_back(seconds(at - *before));
      before = at;
    }
  }
  if (gaps.empty()) return 0;
  const auto middle = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
  std::nth_element(gaps.begin(), middle, gaps.end());
  return *middle;
}

double coverage_of(const Pods& pods, const std::map<std::string, judge::Counts>& seen_pods, bool seen) {
  if (pods.expected.empty()) return seen ? 1 : 0;
  const auto found =
      std::count_if(pods.expected.begin(), pods.expected.end(), [&](const std::string& pod) { return seen_pods.contains(pod); });
  return static_cast<double>(found) / static_cast<double>(pods.expected.size());
}

std::vector<ArmIncrements> increments_by_tick(const std::vector<Series>& total, const std::vector<Series>& part, Part kind,
                                              const std::vector<Time>& borders, const Pods& pods) {
  const Targets targets = targets_of(total, part);
  std::vector<ArmIncrements> ticks(borders.size() < 2 ? 0 : borders.size() - 1);
  ArmIncrements common;
  for (const auto& [key, target] : targets) {
    const bool has_total = !target.total.empty();
    if (!has_total && !target.part.empty()) common.foreign = true;
    if (kind == Part::Good && has_total && target.part.empty()) {
      ++common.incomplete;
      continue;
    }
    for (const Time at : target.scrapes)
      if (const auto tick = tick_of(borders, at)) {
        ticks[*tick].seen = true;
        ticks[*tick].pods[target.pod];
      }
    const auto warm = pods.warm_until.find(target.pod);
    const auto counted_in = [&](Time at) {
      return warm != pods.warm_until.end() && at <= warm->second ? std::nullopt : tick_of(borders, at);
    };
    auto resets = kind == Part::Good ? resets_of(target) : std::map<std::string, std::set<Time>>();
    for (const Counter& counter : target.total)
      each_increment(counter.points, target.first, resets[counter.histogram], [&](Time at, double increment, bool reset) {
        const auto tick = counted_in(at);
        if (!tick) return;
        ticks[*tick].counts.total += increment;
        ticks[*tick].pods[target.pod].total += increment;
        ticks[*tick].resets += reset;
      });
    for (Counter counter : target.part) {
      // Of one scrape both or none: a sample that only `part` has yet would be bad requests without requests.
      if (has_total) std::erase_if(counter.points, [&](const Point& p) { return !target.scrapes.contains(p.at); });
      each_increment(counter.points, target.first, resets[counter.histogram], [&](Time at, double increment, bool) {
        const auto tick = counted_in(at);
        if (!tick) return;
        ticks[*tick].counts.bad += increment;
        if (has_total) ticks[*tick].pods[target.pod].bad += increment;
      });
    }
  }
  std::map<std::string, std::set<Time>> scrapes;
  for (const auto& [key, target] : targets) scrapes[key] = target.scrapes;
  const double spacing = median_spacing(scrapes);
  for (ArmIncrements& tick : ticks) {
    if (kind == Part::Good) {
      // A good counter may run ahead of the total by the request that was in flight while the target was scraped.
      const auto rest = [](judge::Counts& counts) { counts.bad = std::max(0.0, counts.total - counts.bad); };
      rest(tick.counts);
      for (auto& [pod, counts] : tick.pods) rest(counts);
    }
    tick.incomplete = common.incomplete;
    tick.foreign = common.foreign;
    tick.spacing = spacing;
    tick.coverage = coverage_of(pods, tick.pods, tick.seen);
  }
  return ticks;
}

ArmIncrements increments(const std::vector<Series>& total, const std::vector<Series>& part, Part kind, const Stretch& stretch,
                         const Pods& pods) {
  if (stretch.to <= stretch.from) return {};
  return increments_by_tick(total, part, kind, {stretch.from, stretch.to}, pods).front();
}

}  // namespace sluice::prometheus
