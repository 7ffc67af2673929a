#include "controller/prometheus/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "controller/prometheus/counter.h"
#include "controller/prometheus/target.h"

namespace sluice::prometheus {
namespace {

constexpr double kSame = 1e-9;  // relative; bounds are printed with 17 digits and computed with the rounding of pow()

bool same(double a, double b) { return a == b || std::abs(a - b) <= kSame * std::min(std::abs(a), std::abs(b)); }

// One scrape of one histogram.
struct Sight {
  Time at;
  double total = 0;
  std::vector<double> below;  // per bound: observations at most it
};

struct Histogram {
  std::string target, pod;
  std::vector<Sight> sights;  // in order of time, one per timestamp
};

struct Read {
  std::vector<Histogram> histograms;
  int incomplete = 0;
};

void in_order(std::vector<Sight>& sights) {
  std::stable_sort(sights.begin(), sights.end(), [](const Sight& a, const Sight& b) { return a.at < b.at; });
  sights.erase(std::unique(sights.begin(), sights.end(), [](const Sight& a, const Sight& b) { return a.at == b.at; }), sights.end());
}

// Joins the counters of classic histograms by time: of a scrape all bounds or none.
Read read_classic(const std::vector<Series>& series, const std::vector<double>& bounds) {
  std::map<std::string, std::vector<const Series*>> groups;
  for (const Series& s : series)
    if (s.labels.contains("le")) groups[labels_without_le(s.labels)].push_back(&s);
  Read read;
  for (const auto& [key, members] : groups) {
    const auto counter = [&](double bound) -> const Series* {
      for (const Series* s : members)
        if (const double le = bound_value(label(s->labels, "le")); same(le, bound)) return s;
      return nullptr;
    };
    std::vector<const Series*> wanted;
    for (const double bound : bounds) wanted.push_back(counter(bound));
    wanted.push_back(counter(std::numeric_limits<double>::infinity()));
    if (std::find(wanted.begin(), wanted.end(), nullptr) != wanted.end()) {
      ++read.incomplete;
      continue;
    }
    std::map<Time, std::vector<double>> rows;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      for (const Point& p : cleaned(wanted[i]->points))
        if (auto& row = rows[p.at]; row.size() == i) row.push_back(p.value);
    Histogram histogram{target_of(members.front()->labels), label(members.front()->labels, "pod"), {}};
    for (auto& [at, row] : rows) {
      if (row.size() != wanted.size()) continue;
      const double total = row.back();
      row.pop_back();
      histogram.sights.push_back({at, total, std::move(row)});
    }
    read.histograms.push_back(std::move(histogram));
  }
  return read;
}

bool usable(const NativeSample& sample) {
  return std::isfinite(sample.count) && sample.count >= 0 &&
         std::all_of(sample.buckets.begin(), sample.buckets.end(),
                     [](const NativeBucket& b) { return std::isfinite(b.count) && b.count >= 0; });
}

bool straddles(const NativeBucket& bucket, double bound) {
  return bucket.left < bound && bucket.right > bound && !same(bucket.left, bound) && !same(bucket.right, bound);
}

Read read_native(const std::vector<Series>& series, const std::vector<double>& bounds) {
  Read read;
  for (const Series& s : series) {
    if (s.histograms.empty()) continue;
    Histogram histogram{target_of(s.labels), label(s.labels, "pod"), {}};
    for (const NativeSample& sample : s.histograms) {
      if (!usable(sample)) continue;
      // The resolution was lowered below the bounds: how much of a bucket lies above one is not known.
      if (std::any_of(sample.buckets.begin(), sample.buckets.end(), [&](const NativeBucket& b) {
            return b.count > 0 && std::any_of(bounds.begin(), bounds.end(), [&](double bound) { return straddles(b, bound); });
          })) {
        ++read.incomplete;
        continue;
      }
      Sight sight{sample.at, sample.count, std::vector<double>(bounds.size(), 0)};
      for (const NativeBucket& bucket : sample.buckets)
        for (std::size_t i = 0; i < bounds.size(); ++i)
          if (bucket.right <= bounds[i] || same(bucket.right, bounds[i])) sight.below[i] += bucket.count;
      histogram.sights.push_back(std::move(sight));
    }
    in_order(histogram.sights);
    read.histograms.push_back(std::move(histogram));
  }
  return read;
}

bool any_native(const std::vector<Series>& series) {
  return std::any_of(series.begin(), series.end(), [](const Series& s) { return !s.histograms.empty(); });
}

std::vector<double> classic_bounds(const std::vector<Series>& series) {
  std::map<std::string, std::vector<double>> groups;
  for (const Series& s : series) {
    if (!s.labels.contains("le") || s.points.empty()) continue;
    const double bound = bound_value(label(s.labels, "le"));
    auto& bounds = groups[labels_without_le(s.labels)];
    if (bound > 0 && std::isfinite(bound)) bounds.push_back(bound);
  }
  std::optional<std::vector<double>> common;
  for (auto& [key, bounds] : groups) {
    std::sort(bounds.begin(), bounds.end());
    if (!common) common = bounds;
    else std::erase_if(*common, [&](double b) { return std::none_of(bounds.begin(), bounds.end(), [&](double c) { return same(b, c); }); });
  }
  return common.value_or(std::vector<double>());
}

// The schema whose bounds a bucket's ends are: right / left = 2^(2^-schema). Empty: not an exponential bucket.
std::optional<int> schema_of(const NativeBucket& bucket) {
  if (!(bucket.left > 0) || !(bucket.right > bucket.left) || !std::isfinite(bucket.right)) return std::nullopt;
  const double width = std::log2(bucket.right / bucket.left);  // 2^-schema
  const double schema = -std::log2(width);
  const double whole = std::round(schema);
  if (std::abs(schema - whole) > 1e-3 || whole < -4 || whole > 8) return std::nullopt;
  return static_cast<int>(whole);
}

std::vector<double> native_bounds(const std::vector<Series>& series) {
  std::optional<int> coarsest;
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Series& s : series)
    for (const NativeSample& sample : s.histograms)
      for (const NativeBucket& bucket : sample.buckets) {
        const auto schema = schema_of(bucket);
        if (!schema) continue;
        coarsest = std::min(coarsest.value_or(*schema), *schema);
        low = std::min(low, bucket.left);
        high = std::max(high, bucket.right);
      }
  std::vector<double> bounds;
  if (!coarsest) return bounds;
  const double width = std::exp2(-*coarsest);
  // Ends of all samples lie on bounds of their own schema; those of the coarsest within [low, high] are known to all.
  constexpr double kMostBounds = 4096;
  const double first = std::ceil(std::log2(low) / width - 1e-6), last = std::floor(std::log2(high) / width + 1e-6);
  for (double j = first; j <= last && j - first < kMostBounds; ++j) bounds.push_back(std::exp2(j * width));
  return bounds;
}

}  // namespace

std::optional<double> native_bound(const std::vector<Series>& series, double seconds) {
  std::optional<int> coarsest;
  for (const Series& s : series)
    for (const NativeSample& sample : s.histograms)
      for (const NativeBucket& bucket : sample.buckets)
        if (const auto schema = schema_of(bucket)) coarsest = std::min(coarsest.value_or(*schema), *schema);
  if (!coarsest) return std::nullopt;
  const double width = std::exp2(-*coarsest);
  return std::exp2(std::round(std::log2(seconds) / width) * width);
}

double bound_value(const std::string& le) {
  char* end = nullptr;
  const double value = std::strtod(le.c_str(), &end);
  return !le.empty() && *end == '\0' && value > 0 ? value : 0;
}

std::vector<double> bounds_of(const std::vector<Series>& series) {
  const bool classic = std::any_of(series.begin(), series.end(), [](const Series& s) { return s.labels.contains("le"); });
  const bool native = any_native(series);
  if (classic == native) return {};
  return native ? native_bounds(series) : classic_bounds(series);
}

std::vector<HistogramIncrements> histogram_increments(const std::vector<Series>& series, const std::vector<double>& bounds,
                                                      const std::vector<Time>& borders, const Pods& pods) {
  const Read read = any_native(series) ? read_native(series, bounds) : read_classic(series, bounds);
  std::map<std::string, std::set<Time>> scrapes;  // per target
  for (const Histogram& histogram : read.histograms)
    for (const Sight& sight : histogram.sights) scrapes[histogram.target].insert(sight.at);

  std::vector<HistogramIncrements> ticks(borders.size() < 2 ? 0 : borders.size() - 1);
  for (HistogramIncrements& tick : ticks) {
    tick.above.assign(bounds.size(), 0);
    tick.incomplete = read.incomplete;
    tick.spacing = median_spacing(scrapes);
  }
  for (const Histogram& histogram : read.histograms) {
    const auto warm = pods.warm_until.find(histogram.pod);
    const Time first = *scrapes[histogram.target].begin();
    const Sight* before = nullptr;
    const Sight nothing{first, 0, std::vector<double>(bounds.size(), 0)};
    for (const Sight& sight : histogram.sights) {
      if (before == nullptr && sight.at > first) before = &nothing;  // born on a target that was scraped before
      const auto tick = tick_of(borders, sight.at);
      if (tick) {
        ticks[*tick].seen = true;
        ticks[*tick].pods[histogram.pod];
      }
      if (before != nullptr && tick && (warm == pods.warm_until.end() || sight.at > warm->second)) {
        bool reset = sight.total < before->total;
        for (std::size_t i = 0; i < bounds.size(); ++i) reset = reset || sight.below[i] < before->below[i];
        if (reset) before = &nothing;
        const double total = sight.total - before->total;
        ticks[*tick].total += total;
        judge::Counts& pod = ticks[*tick].pods[histogram.pod];
        pod.total += total;
        std::vector<double>& pod_above = ticks[*tick].pods_above[histogram.pod];
        pod_above.resize(bounds.size());
        for (std::size_t i = 0; i < bounds.size(); ++i) {
          const double above = std::clamp(total - (sight.below[i] - before->below[i]), 0.0, total);
          ticks[*tick].above[i] += above;
          pod_above[i] += above;
          if (i + 1 == bounds.size()) pod.bad += above;
        }
        ticks[*tick].resets += reset;
      }
      before = &sight;
    }
  }
  for (HistogramIncrements& tick : ticks) tick.coverage = coverage_of(pods, tick.pods, tick.seen);
  return ticks;
}

}  // namespace sluice::prometheus
