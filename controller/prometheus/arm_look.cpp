#include "controller/prometheus/arm_look.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "controller/prometheus/histogram.h"
#include "controller/prometheus/target.h"

namespace sluice::prometheus {
namespace {

constexpr std::size_t kMaxNotes = 20;

std::string shortest(double value) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

// What both kinds of increments say alike.
template <typename Increments>
void take(Looked& arm, Increments& inc) {
  arm.pods = std::move(inc.pods);
  arm.seen = inc.seen;
  arm.coverage = inc.coverage;
  arm.spacing = inc.spacing;
  arm.resets = inc.resets;
  arm.incomplete = inc.incomplete;
}

// ... and those of histograms.
void take_histogram(Looked& arm, HistogramIncrements& inc) {
  take(arm, inc);
  arm.histogram = true;
  arm.counts = {inc.total, 0};
  arm.above = std::move(inc.above);
}

}  // namespace

Selector native_selector(const Looked& looked) {
  Selector selector = looked.part;
  selector.metric.resize(selector.metric.size() - kBucket.size());
  return selector;
}

Expected<void> look_counters(Looked& arm, Part kind, bool ask_part, const Stretch& stretch, const Ask& ask) {
  auto total = ask(arm.total);
  if (!total) return Unexpected(total.error());
  Answer part;
  if (ask_part) {
    auto answer = ask(arm.part);
    if (!answer) return Unexpected(answer.error());
    part = *std::move(answer);
  }
  ArmIncrements inc = increments(total->series, part.series, kind, stretch, arm.arm->pods);
  arm.counts = inc.counts;
  take(arm, inc);
  arm.warnings = total->warnings;
  arm.warnings.insert(arm.warnings.end(), part.warnings.begin(), part.warnings.end());
  arm.found = !total->series.empty();
  arm.foreign = inc.foreign;
  return {};
}

Expected<std::string> look_native(std::vector<Looked>& arms, double threshold, const Stretch& stretch, const Ask& ask) {
  std::vector<Answer> answers;
  std::vector<Series> all;
  for (const Looked& arm : arms) {
    auto answer = ask(native_selector(arm));
    if (!answer) return Unexpected(answer.error());
    all.insert(all.end(), answer->series.begin(), answer->series.end());
    answers.push_back(*std::move(answer));
  }
  const auto bound = native_bound(all, threshold);
  if (!bound) return std::string();
  for (std::size_t i = 0; i < arms.size(); ++i) {
    Looked& arm = arms[i];
    auto inc = histogram_increments(answers[i].series, {*bound}, {stretch.from, stretch.to}, arm.arm->pods).front();
    arm.total = arm.part = native_selector(arm);
    take_histogram(arm, inc);
    arm.counts.bad = arm.above.front();
    arm.warnings = answers[i].warnings;
    arm.found = answers[i].native_histograms;
  }
  return shortest(*bound);
}

Expected<void> look_distribution(Looked& arm, const std::vector<double>& bounds, const Stretch& stretch, const Ask& ask) {
  auto answer = ask(arm.part);
  if (!answer) return Unexpected(answer.error());
  if (answer->series.empty()) {
    const Selector native = native_selector(arm);
    answer = ask(native);
    if (!answer) return Unexpected(answer.error());
    if (answer->native_histograms) arm.total = arm.part = native;
    else answer->series.clear();  // a summary or a counter of that name
  }
  HistogramIncrements inc = histogram_increments(answer->series, bounds, {stretch.from, stretch.to}, arm.arm->pods).front();
  take_histogram(arm, inc);
  arm.warnings = answer->warnings;
  arm.found = !answer->series.empty();
  return {};
}

Expected<void> look_gauge(Looked& arm, const Stretch& stretch, const Ask& ask) {
  auto answer = ask(arm.total);
  if (!answer) return Unexpected(answer.error());
  double sum = 0;
  int series = 0;
  std::map<std::string, std::set<Time>> scrapes;
  for (const Series& s : answer->series) {
    const std::string pod = label(s.labels, "pod");
    const auto warm = arm.arm->pods.warm_until.find(pod);
    std::optional<Point> last;
    for (const Point& p : s.points) {
      scrapes[target_of(s.labels)].insert(p.at);
      const bool counts = p.at > stretch.from && p.at <= stretch.to && (warm == arm.arm->pods.warm_until.end() || p.at > warm->second);
      if (counts && std::isfinite(p.value) && (!last || p.at > last->at)) last = p;
    }
    if (!last) continue;
    sum += last->value;
    ++series;
    arm.pods[pod];
  }
  arm.warnings = answer->warnings;
  arm.found = !answer->series.empty();
  arm.seen = series > 0;
  if (series > 0 && std::isfinite(sum)) arm.value = sum / series;
  arm.spacing = median_spacing(scrapes);
  arm.coverage = coverage_of(arm.arm->pods, arm.pods, arm.seen);
  return {};
}

void Report::missing(const std::string& slo, const std::string& why) {
  if (sample_.missing.empty()) sample_.missing = slo + ": " + why;
}

void Report::note(const std::string& slo, const std::string& what) {
  const std::string text = slo + ": " + what;
  if (sample_.notes.size() < kMaxNotes && std::find(sample_.notes.begin(), sample_.notes.end(), text) == sample_.notes.end())
    sample_.notes.push_back(text);
}

bool Report::tell(const std::string& slo, const Looked& arm, const SampleRequest& request) {
  const std::string for_arm = std::string(" for the ") + arm.arm->name;
  bool present = true;
  const auto no_data = [&](const std::string& why) {
    present = false;
    missing(slo, why);
  };
  if (!arm.warnings.empty()) no_data("Prometheus warns that its answer may be partial" + for_arm + ": " + arm.warnings.front());
  if (!arm.found) no_data("no series match " + to_string(arm.total) + for_arm);
  else if (!arm.seen)
    no_data("no samples of " + to_string(arm.incomplete > 0 ? arm.part : arm.total) + for_arm + " between " + format_time(request.from) +
            " and " + format_time(request.to));
  if (arm.incomplete > 0)
    note(slo, std::to_string(arm.incomplete) +
                  (arm.histogram ? " histogram(s) of " + to_string(arm.part) + " without a bucket that ends at each bound"
                                 : " target(s) without " + to_string(arm.part)) +
                  " are left out" + for_arm);
  if (arm.foreign) note(slo, to_string(arm.part) + " comes from targets that " + to_string(arm.total) + " does not have");
  if (arm.resets > 0) note(slo, std::to_string(arm.resets) + " counter reset(s)" + for_arm + ": possible undercount");
  if (!arm.counts.valid())
    no_data(to_string(arm.part) + " counts more than " + to_string(arm.total) + for_arm + ": errors must be a part of total");
  return present;
}

}  // namespace sluice::prometheus
