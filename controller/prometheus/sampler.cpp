#include "controller/prometheus/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace sluice::prometheus {
namespace {

constexpr Duration kMaxWindow = std::chrono::hours(1);
constexpr std::size_t kMaxNotes = 20;
constexpr std::size_t kMaxBounds = 256;  // remembered bounds; a full memory is emptied, it is asked again then

// One arm, ready to be asked for.
struct Arm {
  const char* name;
  bool asked = false;
  std::vector<Matcher> matchers;
  Placeholders placeholders;
  const Pods* pods = nullptr;
};

// The two queries of an SLO before they are confined to an arm.
struct Questions {
  Selector total, part;
  Part kind = Part::Bad;
};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

Unexpected of_slo(const std::string& name, Error error) { return fail("slo " + name, std::move(error)); }

Expected<Questions> questions_of(const SloQuery& slo) {
  return std::visit(
      Overloaded{
          [](const ErrorRateQuery& q) -> Expected<Questions> {
            auto total = parse_selector(q.total);
            if (!total) return fail("total", total.error());
            auto errors = parse_selector(q.errors);
            if (!errors) return fail("errors", errors.error());
            return Questions{*total, *errors, Part::Bad};
          },
          [](const LatencyQuery& q) -> Expected<Questions> {
            auto histogram = parse_selector(q.histogram);
            if (!histogram) return fail("histogram", histogram.error());
            if (q.threshold <= Duration::zero())
              return fail(Error::Kind::Invalid, "threshold is " + format_duration(q.threshold) + ": give a duration such as 250ms");
            for (const Matcher& matcher : histogram->matchers)
              if (matcher.label == "le")
                return fail(Error::Kind::Invalid, "histogram: the bound (le) is chosen by the threshold: remove the matcher " + to_string(matcher));
            constexpr std::string_view kBucket = "_bucket";
            if (histogram->metric.ends_with(kBucket)) histogram->metric.resize(histogram->metric.size() - kBucket.size());
            Questions questions{*histogram, *histogram, Part::Good};
            questions.total.metric += "_count";
            questions.part.metric += kBucket;
            return questions;
          }},
      slo.query);
}

Expected<Selector> asked_of(Selector selector, const Arm& arm) {
  auto filled = fill_in(std::move(selector.matchers), arm.placeholders);
  if (!filled) return Unexpected(filled.error());
  selector.matchers = *std::move(filled);
  return confined(std::move(selector), arm.matchers, arm.placeholders.ns);
}

Expected<Arm> arm_of(const char* name, const ArmQuery& query, const std::vector<Matcher>& matchers, const std::string& ns) {
  Arm arm{name, !query.replica_sets.empty(), {}, {ns, query.replica_sets}, &query.pods};
  if (!arm.asked) return arm;
  auto filled = fill_in(matchers, arm.placeholders);
  if (!filled) return fail("arm selector", filled.error());
  arm.matchers = *std::move(filled);
  return arm;
}

double bound_value(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && std::isfinite(value) && value > 0 ? value : 0;
}

Duration reach_back(Duration spacing) {
  if (spacing <= Duration::zero()) return std::chrono::minutes(2);
  return std::max<Duration>(2 * spacing, std::chrono::seconds(5));
}

// Gathers one Sample; a reason is kept once, notes up to a limit.
class Report {
 public:
  explicit Report(Sample& sample) : sample_(sample) {}
  void missing(const std::string& slo, const std::string& why) {
    if (sample_.missing.empty()) sample_.missing = slo + ": " + why;
  }
  void note(const std::string& slo, const std::string& what) {
    const std::string text = slo + ": " + what;
    if (sample_.notes.size() < kMaxNotes && std::find(sample_.notes.begin(), sample_.notes.end(), text) == sample_.notes.end())
      sample_.notes.push_back(text);
  }

 private:
  Sample& sample_;
};

}  // namespace

std::string nearest_bound(const std::vector<std::string>& bounds, double seconds) {
  std::string best;
  double distance = HUGE_VAL;
  for (const std::string& text : bounds) {
    const double value = bound_value(text);
    if (value <= 0) continue;
    const double d = std::abs(std::log(value / seconds));
    if (d < distance) {
      distance = d;
      best = text;
    }
  }
  return best;
}

Expected<void> check(const std::string& arm_selector, const std::vector<SloQuery>& slos) {
  const auto matchers = parse_matchers(arm_selector);
  if (!matchers) return fail("analysis.prometheus.selector", matchers.error());
  const Arm arm{"canary", true, {}, {"namespace", {"replicaset"}}, nullptr};
  if (auto filled = fill_in(*matchers, arm.placeholders); !filled) return fail("analysis.prometheus.selector", filled.error());
  if (arm_selector.find("{{replicaSet}}") == std::string::npos)
    return fail(Error::Kind::Invalid, "analysis.prometheus.selector: without {{replicaSet}} both arms are the same: add a matcher such as "
                                      "pod=~\"{{replicaSet}}-[a-z0-9]{5}\"");
  for (const SloQuery& slo : slos) {
    const auto questions = questions_of(slo);
    if (!questions) return of_slo(slo.name, questions.error());
    for (const Selector& selector : {questions->total, questions->part})
      if (auto asked = asked_of(selector, arm); !asked) return of_slo(slo.name, asked.error());
  }
  return {};
}

Expected<std::string> Sampler::bound(const std::vector<Selector>& arms, double threshold, Time at, std::stop_token stop) {
  std::string key = std::to_string(threshold);
  for (const Selector& arm : arms) key += '\n' + to_string(arm);
  {
    const std::scoped_lock lock(mutex_);
    if (const auto known = bounds_.find(key); known != bounds_.end()) return known->second;
  }
  std::vector<std::string> common;
  bool complete = true, first = true;
  for (const Selector& arm : arms) {
    auto values = client_.label_values(arm, "le", at, stop);
    if (!values) return Unexpected(values.error());
    if (values->empty()) {
      complete = false;
      continue;
    }
    if (first) {
      common = *std::move(values);
    } else {
      std::vector<std::string> both;
      std::set_intersection(common.begin(), common.end(), values->begin(), values->end(), std::back_inserter(both));
      common = std::move(both);
    }
    first = false;
  }
  std::string found = nearest_bound(common, threshold);
  if (complete && !found.empty()) {
    const std::scoped_lock lock(mutex_);
    if (bounds_.size() >= kMaxBounds) bounds_.clear();
    bounds_[key] = found;
  }
  return found;
}

Expected<Sample> Sampler::sample(const SampleRequest& request, std::stop_token stop) {
  if (request.to <= request.from)
    return fail(Error::Kind::Invalid, "a tick from " + format_time(request.from) + " to " + format_time(request.to) + " is empty");
  auto matchers = parse_matchers(request.arm_selector);
  if (!matchers) return fail("analysis.prometheus.selector", matchers.error());
  auto canary = arm_of("canary", request.canary, *matchers, request.ns);
  if (!canary) return Unexpected(canary.error());
  auto baseline = arm_of("baseline", request.baseline, *matchers, request.ns);
  if (!baseline) return Unexpected(baseline.error());

  Sample sample;
  sample.from = request.from;
  sample.to = request.to;
  sample.canary_coverage = canary->asked ? 1 : 0;
  sample.baseline_coverage = baseline->asked ? 1 : 0;
  Report report(sample);
  Duration window = request.to - request.from + reach_back(request.spacing);
  if (window > kMaxWindow) {
    window = kMaxWindow;
    report.note("tick", "only the last hour is read; what was counted before is lost");
  }
  std::vector<double> spacings;

  for (const SloQuery& slo : request.slos) {
    auto questions = questions_of(slo);
    if (!questions) return of_slo(slo.name, questions.error());
    judge::SloTick tick;
    std::string used_bound;
    std::vector<Selector> totals, parts;
    for (const Arm* arm : {&*canary, &*baseline}) {
      if (!arm->asked) continue;
      auto total = asked_of(questions->total, *arm);
      if (!total) return of_slo(slo.name, total.error());
      auto part = asked_of(questions->part, *arm);
      if (!part) return of_slo(slo.name, part.error());
      totals.push_back(*std::move(total));
      parts.push_back(*std::move(part));
    }
    if (const auto* latency = std::get_if<LatencyQuery>(&slo.query)) {
      const double threshold = seconds(latency->threshold);
      auto found = bound(parts, threshold, request.to, stop);
      if (!found) return of_slo(slo.name, found.error());
      used_bound = *found;
      for (Selector& part : parts) part.matchers.push_back({"le", Matcher::Op::Equal, used_bound});
      if (used_bound.empty() && !parts.empty()) {
        tick.present = false;
        parts.front().matchers.pop_back();
        report.missing(slo.name, "no bucket bound that every arm has: no usable series match " + to_string(parts.front()));
      } else if (std::abs(bound_value(used_bound) / threshold - 1) > 0.01) {
        report.note(slo.name, "the nearest bucket bound " + used_bound + " s is used for " + format_duration(latency->threshold));
      }
    }

    std::size_t at = 0;
    for (const Arm* arm : {&*canary, &*baseline}) {
      if (!arm->asked) continue;
      const Selector& total_selector = totals[at];
      const Selector& part_selector = parts[at];
      ++at;
      const bool is_canary = arm == &*canary;
      double& coverage = is_canary ? sample.canary_coverage : sample.baseline_coverage;
      auto total = client_.samples(total_selector, window, request.to, stop);
      if (!total) return of_slo(slo.name, total.error());
      sample.server_time = total->server_time;
      Answer part;
      const bool ask_part = questions->kind == Part::Bad || !used_bound.empty();
      if (ask_part) {
        auto answer = client_.samples(part_selector, window, request.to, stop);
        if (!answer) return of_slo(slo.name, answer.error());
        part = *std::move(answer);
      }
      const ArmIncrements inc = increments(total->series, part.series, questions->kind, {request.from, request.to}, *arm->pods);
      coverage = std::min(coverage, inc.coverage);
      if (inc.spacing > 0) spacings.push_back(inc.spacing);
      if (inc.seen) (is_canary ? sample.canary_present : sample.baseline_present) = true;
      (is_canary ? tick.canary : tick.baseline) = inc.counts;

      const std::string for_arm = std::string(" for the ") + arm->name;
      std::vector<std::string> warnings = total->warnings;
      warnings.insert(warnings.end(), part.warnings.begin(), part.warnings.end());
      if (!warnings.empty()) {
        tick.present = false;
        report.missing(slo.name, "Prometheus warns that its answer may be partial" + for_arm + ": " + warnings.front());
      }
      if (total->series.empty()) {
        tick.present = false;
        report.missing(slo.name, "no series match " + to_string(total_selector) + for_arm +
                                     (total->native_histograms ? " but native histograms: expose classic ones" : ""));
      } else if (!inc.seen) {
        tick.present = false;
        report.missing(slo.name, "no samples of " + to_string(inc.incomplete > 0 ? part_selector : total_selector) + for_arm + " between " + format_time(request.from) +
                                     " and " + format_time(request.to));
      }
      if (inc.incomplete > 0)
        report.note(slo.name, std::to_string(inc.incomplete) + " target(s) without " + to_string(part_selector) + " are left out");
      if (inc.foreign)
        report.note(slo.name, to_string(part_selector) + " comes from targets that " + to_string(total_selector) + " does not have");
      if (inc.resets > 0) report.note(slo.name, std::to_string(inc.resets) + " counter reset(s)" + for_arm + ": possible undercount");
      if (!inc.counts.valid()) {
        tick.present = false;
        report.missing(slo.name, to_string(part_selector) + " counts more than " + to_string(total_selector) + for_arm +
                                     ": errors must be a part of total");
      }
    }
    sample.slos.push_back(tick);
    sample.bounds.push_back(used_bound);
  }
  std::sort(spacings.begin(), spacings.end());
  if (!spacings.empty()) sample.observed_spacing = spacings[spacings.size() / 2];
  return sample;
}

}  // namespace sluice::prometheus
