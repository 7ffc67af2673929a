#include "controller/prometheus/sampling.h"

#include <algorithm>
#include <cmath>

namespace sluice::prometheus {
namespace {

std::string label(const Labels& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

std::string target_of(const Labels& labels) {
  std::string key;
  for (const char* name : {"job", "instance", "pod", "container", "endpoint"}) key += label(labels, name) + '\n';
  return key;
}

// Finite samples in order of time, one per timestamp (the first that was sent).
std::vector<Point> cleaned(const std::vector<Point>& points) {
  std::vector<Point> out;
  out.reserve(points.size());
  for (const Point& p : points)
    if (std::isfinite(p.value) && p.value >= 0) out.push_back(p);
  std::stable_sort(out.begin(), out.end(), [](const Point& a, const Point& b) { return a.at < b.at; });
  out.erase(std::unique(out.begin(), out.end(), [](const Point& a, const Point& b) { return a.at == b.at; }), out.end());
  return out;
}

struct Target {
  std::string pod;
  std::vector<std::vector<Point>> total, part;
  std::set<Time> scrapes;  // of total
  Time first = Time::max();
};

struct Sum {
  double value = 0;
  int resets = 0;
};

// What one series added in (from, to]; `first` is when its target was seen first.
Sum added(const std::vector<Point>& points, Time first, Time from, Time to) {
  Sum sum;
  std::optional<double> before;
  for (const Point& p : points) {
    if (p.at > to) break;
    if (p.at > from) {
      if (!before && p.at > first) before = 0;  // born on a target that was scraped before
      if (before) {
        const bool reset = p.value < *before;
        sum.value += reset ? p.value : p.value - *before;
        sum.resets += reset;
      }
    }
    before = p.value;
  }
  return sum;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double spacing_of(const std::map<std::string, Target>& targets) {
  std::vector<double> gaps;
  for (const auto& [key, target] : targets) {
    std::optional<Time> before;
    for (const Time at : target.scrapes) {
      if (before) gaps.push_back(seconds(at - *before));
      before = at;
    }
  }
  return median(std::move(gaps));
}

}  // namespace

ArmIncrements increments(const std::vector<Series>& total, const std::vector<Series>& part, Part kind,
                         const Stretch& stretch, const Pods& pods) {
  std::map<std::string, Target> targets;
  const auto place = [&](const Series& series, bool is_total) {
    Target& target = targets[target_of(series.labels)];
    target.pod = label(series.labels, "pod");
    std::vector<Point> points = cleaned(series.points);
    if (points.empty()) return;
    target.first = std::min(target.first, points.front().at);
    if (is_total)
      for (const Point& p : points) target.scrapes.insert(p.at);
    (is_total ? target.total : target.part).push_back(std::move(points));
  };
  for (const Series& series : total) place(series, true);
  for (const Series& series : part) place(series, false);

  ArmIncrements result;
  std::set<std::string> pods_seen;
  double part_sum = 0;
  for (const auto& [key, target] : targets) {
    const bool has_total = !target.total.empty();
    if (!has_total && !target.part.empty()) result.foreign = true;
    if (kind == Part::Good && has_total && target.part.empty()) {
      ++result.incomplete;
      continue;
    }
    const bool seen = std::any_of(target.scrapes.begin(), target.scrapes.end(),
                                  [&](Time at) { return at > stretch.from && at <= stretch.to; });
    if (seen) {
      result.seen = true;
      pods_seen.insert(target.pod);
    }
    const auto warm = pods.warm_until.find(target.pod);
    const Time from = warm == pods.warm_until.end() ? stretch.from : std::max(stretch.from, warm->second);
    for (const auto& points : target.total) {
      const Sum sum = added(points, target.first, from, stretch.to);
      result.counts.total += sum.value;
      result.resets += sum.resets;
    }
    for (std::vector<Point> points : target.part) {
      // Of one scrape both or none: a sample that only `part` has yet would be bad requests without requests.
      if (has_total) std::erase_if(points, [&](const Point& p) { return !target.scrapes.contains(p.at); });
      part_sum += added(points, target.first, from, stretch.to).value;
    }
  }
  // A good counter may run ahead of the total by the request that was in flight while the target was scraped.
  result.counts.bad = kind == Part::Bad ? part_sum : std::max(0.0, result.counts.total - part_sum);
  result.spacing = spacing_of(targets);
  if (pods.expected.empty()) {
    result.coverage = result.seen ? 1 : 0;
  } else {
    const auto found = std::count_if(pods.expected.begin(), pods.expected.end(), [&](const std::string& pod) { return pods_seen.contains(pod); });
    result.coverage = static_cast<double>(found) / static_cast<double>(pods.expected.size());
  }
  return result;
}

}  // namespace sluice::prometheus
