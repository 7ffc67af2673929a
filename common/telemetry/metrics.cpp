// The only file that includes prometheus-cpp. Its metrics and its serializer are used, its Family is not: that deletes a
// removed series under the feet of those who still count in it.
#include "common/telemetry/metrics.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <variant>

#include <prometheus/check_names.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace sluice::metrics {
namespace {

using Series =
    std::variant<std::shared_ptr<prometheus::Counter>, std::shared_ptr<prometheus::Gauge>, std::shared_ptr<prometheus::Histogram>>;

enum Type { kCounter, kGauge, kHistogram };

[[noreturn]] void bug(const std::string& name, const char* what) {
  std::fprintf(stderr, "metric '%s': %s\n", name.c_str(), what);
  std::abort();
}

bool contains(const Labels& all, const Labels& some) {
  return std::all_of(some.begin(), some.end(), [&](const auto& label) {
    const auto found = all.find(label.first);
    return found != all.end() && found->second == label.second;
  });
}

}  // namespace

struct Registry::Family {
  std::string help;
  int type = kCounter;
  std::vector<double> bounds;
  std::map<Labels, Series> series;

  template <typename T, typename... Args>
  std::shared_ptr<T> get(const Labels& labels, Args&&... args) {
    auto found = series.find(labels);
    if (found == series.end()) found = series.emplace(labels, std::make_shared<T>(std::forward<Args>(args)...)).first;
    return std::get<std::shared_ptr<T>>(found->second);
  }
  std::size_t remove(const Labels& labels) {
    return std::erase_if(series, [&](const auto& entry) { return contains(entry.first, labels); });
  }
};

void Counter::add(double by) const {
  if (by > 0) series_->Increment(by);
}
double Counter::value() const { return series_->Value(); }
void Gauge::set(double to) const { series_->Set(to); }
void Gauge::add(double by) const { series_->Increment(by); }
double Gauge::value() const { return series_->Value(); }
void Histogram::observe(double value) const { series_->Observe(value); }

const std::vector<double>& request_duration_bounds() {
  static const std::vector<double> bounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1,
                                             0.25,   0.5,   0.75,   1,     2.5,  5,     7.5,  10};
  return bounds;
}

const std::vector<double>& dependency_duration_bounds() {
  static const std::vector<double> bounds = {0.001, 0.005, 0.025, 0.1, 0.25, 1, 5};
  return bounds;
}

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Family& Registry::family(const std::string& name, const std::string& help, int type, const std::vector<double>& bounds,
                                   const Labels& labels) {
  if (!prometheus::CheckMetricName(name)) bug(name, "this is not a valid metric name");
  for (const auto& [label, value] : labels) {
    if (!prometheus::CheckLabelName(label)) bug(name, "a label has a name that is not valid");
  }
  auto& family = families_[name];
  if (!family) {
    if (!std::is_sorted(bounds.begin(), bounds.end())) bug(name, "the bounds do not ascend");
    family = std::make_unique<Family>(Family{help, type, bounds, {}});
  }
  if (family->type != type || family->bounds != bounds) bug(name, "used before with another type or other bounds");
  return *family;
}

Counter Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Counter handle;
  handle.series_ = family(name, help, kCounter, {}, labels).get<prometheus::Counter>(labels);
  return handle;
}

Gauge Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Gauge handle;
  handle.series_ = family(name, help, kGauge, {}, labels).get<prometheus::Gauge>(labels);
  return handle;
}

Histogram Registry::histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Histogram handle;
  handle.series_ = family(name, help, kHistogram, bounds, labels).get<prometheus::Histogram>(labels, bounds);
  return handle;
}

std::size_t Registry::remove(const std::string& name, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  const auto found = families_.find(name);
  return found == families_.end() ? 0 : found->second->remove(labels);
}

std::size_t Registry::remove_everywhere(const Labels& labels) {
  const std::lock_guard lock(mutex_);
  std::size_t removed = 0;
  for (auto& [name, family] : families_) removed += family->remove(labels);
  return removed;
}

void Registry::before_text(std::function<void()> refresh) {
  const std::lock_guard lock(mutex_);
  refresh_.push_back(std::move(refresh));
}

std::string Registry::text() const {
  std::vector<std::function<void()>> refresh;
  {
    const std::lock_guard lock(mutex_);
    refresh = refresh_;
  }
  for (const auto& call : refresh) call();

  std::vector<prometheus::MetricFamily> collected;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, family] : families_) {
      if (family->series.empty()) continue;
      constexpr prometheus::MetricType kTypes[] = {prometheus::MetricType::Counter, prometheus::MetricType::Gauge,
                                                   prometheus::MetricType::Histogram};
      prometheus::MetricFamily out{name, family->help, kTypes[family->type], {}};
      for (const auto& [labels, series] : family->series) {
        auto metric = std::visit([](const auto& s) { return s->Collect(); }, series);
        for (const auto& [label, value] : labels) metric.label.push_back({label, value});
        out.metric.push_back(std::move(metric));
      }
      collected.push_back(std::move(out));
    }
  }
  return prometheus::TextSerializer().Serialize(collected);
}

http::Response Registry::answer() const { return {200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, text()}; }

}  // namespace sluice::metrics
