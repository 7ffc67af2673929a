// The samples of one counter -> its increments. Pure functions; the rules are those of sampling.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include "controller/prometheus/client.h"

namespace sluice::prometheus {

// Finite samples that a counter can have, in order of time, one per timestamp (the first that was sent).
inline std::vector<Point> cleaned(const std::vector<Point>& points) {
  std::vector<Point> out;
  out.reserve(points.size());
  for (const Point& p : points)
    if (std::isfinite(p.value) && p.value >= 0) out.push_back(p);
  std::stable_sort(out.begin(), out.end(), [](const Point& a, const Point& b) { return a.at < b.at; });
  out.erase(std::unique(out.begin(), out.end(), [](const Point& a, const Point& b) { return a.at == b.at; }), out.end());
  return out;
}

// The samples at which cleaned samples fell below the one before.
inline void add_resets(const std::vector<Point>& points, std::set<Time>& resets) {
  for (std::size_t i = 1; i < points.size(); ++i)
    if (points[i].value < points[i - 1].value) resets.insert(points[i].at);
}

// Calls f(at, increment, reset) for every increment of cleaned samples, in order of time. `first` is when the counter's
// target was seen first: a counter that is born later began at 0. `resets`: samples at which a counter that lives and dies
// with this one was reset; it may have grown past its old value since.
template <typename F>
void each_increment(const std::vector<Point>& points, Time first, const std::set<Time>& resets, F&& f) {
  std::optional<double> before;
  for (const Point& p : points) {
    if (!before && p.at > first) before = 0;
    if (before) {
      const bool reset = p.value < *before || resets.contains(p.at);
      f(p.at, reset ? p.value : p.value - *before, reset);
    }
    before = p.value;
  }
}

// Which of the ticks (borders[i], borders[i+1]] holds `at`. Borders must ascend.
inline std::optional<std::size_t> tick_of(const std::vector<Time>& borders, Time at) {
  const auto end = std::lower_bound(borders.begin(), borders.end(), at);  // the first border at or after it
  if (end == borders.begin() || end == borders.end()) return std::nullopt;
  return static_cast<std::size_t>(end - borders.begin()) - 1;
}

}  // namespace sluice::prometheus
