#include "controller/prometheus/sampler.h"

#include <algorithm>
#include <cmath>

#include "controller/prometheus/arm_look.h"
#include "controller/prometheus/histogram.h"
#include "controller/prometheus/question.h"

namespace sluice::prometheus {
namespace {

constexpr Duration kMaxWindow = std::chrono::hours(1);
constexpr std::size_t kMaxBounds = 256;  // remembered bounds; a full memory is emptied, it is asked again then

Unexpected of_slo(const std::string& name, Error error) { return fail("slo " + name, std::move(error)); }

Duration reach_back(Duration spacing) {
  if (spacing <= Duration::zero()) return std::chrono::minutes(2);
  return std::max<Duration>(2 * spacing, std::chrono::seconds(5));
}

std::array<judge::PodBad, judge::kPodsPerTick> worst_of(const std::map<std::string, judge::Counts>& pods) {
  std::vector<judge::PodBad> all;
  for (const auto& [pod, counts] : pods)
    if (counts.bad > 0) all.push_back({judge::pod_id(pod), counts.bad});
  std::stable_sort(all.begin(), all.end(), [](const judge::PodBad& a, const judge::PodBad& b) { return a.bad > b.bad; });
  std::array<judge::PodBad, judge::kPodsPerTick> worst{};
  std::copy_n(all.begin(), std::min(all.size(), worst.size()), worst.begin());
  return worst;
}

}  // namespace

std::string nearest_bound(const std::vector<std::string>& bounds, double seconds) {
  std::string best;
  double distance = HUGE_VAL;
  for (const std::string& text : bounds) {
    const double value = bound_value(text);
    if (value <= 0 || std::isinf(value)) continue;
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
  const Arm arm{"canary", true, {}, {"namespace", {"replicaset"}}, {}};
  if (auto filled = fill_in(*matchers, arm.placeholders); !filled) return fail("analysis.prometheus.selector", filled.error());
  if (arm_selector.find("{{replicaSet}}") == std::string::npos)
    return fail(Error::Kind::Invalid,
                "analysis.prometheus.selector: without {{replicaSet}} both arms are the same: add a matcher such as "
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

Expected<Answer> Sampler::ask(const Selector& selector, Duration window, Time at, std::stop_token stop) {
  const Time asked = clock_ == nullptr ? Time() : clock_->now();
  auto answer = client_.samples(selector, window, at, stop);
  if (!answer || !answer->server_time) return answer;
  const std::scoped_lock lock(mutex_);
  server_time_ = answer->server_time;
  if (clock_ != nullptr) offset_.learn(asked, clock_->now(), *answer->server_time);
  return answer;
}

Expected<void> Sampler::look_expression(Looked& arm, const ExpressionQuery& query, Time at, std::stop_token stop) const {
  const auto promql = asked_of(query, *arm.arm);
  if (!promql) return Unexpected(promql.error());
  auto value = client_.value(*promql, at, stop);
  if (!value) return Unexpected(value.error());
  arm.found = true;
  arm.seen = value->has_value();
  arm.coverage = arm.seen ? 1 : 0;
  arm.value = value->value_or(judge::kNoValue);
  arm.total.metric = "`" + promql->substr(0, 200) + "`";  // for the sentence
  return {};
}

Expected<judge::LatencyHistory> Sampler::latency_history(const SampleRequest& request, const ArmQuery& query, const std::string& histogram,
                                                         std::stop_token stop) {
  auto matchers = parse_matchers(request.arm_selector);
  if (!matchers) return fail("analysis.prometheus.selector", matchers.error());
  auto arm = arm_of("baseline", query, *matchers, request.ns);
  if (!arm) return Unexpected(arm.error());
  const auto questions = questions_of({"latency", LatencyQuery{histogram, Duration(1)}});
  if (!questions) return Unexpected(questions.error());
  auto buckets = asked_of(questions->part, *arm);
  if (!buckets) return Unexpected(buckets.error());
  const Duration shift = ahead();
  for (auto& [pod, until] : arm->pods.warm_until) until += shift;
  const Duration window = std::min(kMaxWindow, request.to - request.from + reach_back(request.spacing));
  const Stretch stretch{request.from + shift, request.to + shift};
  auto answer = ask(*buckets, window, stretch.to, stop);
  if (!answer) return Unexpected(answer.error());
  if (answer->series.empty()) {
    answer = ask(native_selector(Looked(&*arm, *buckets, *buckets)), window, stretch.to, stop);
    if (!answer) return Unexpected(answer.error());
  }
  judge::LatencyHistory history;
  history.bounds = bounds_of(answer->series);
  if (!history.bounds.empty()) {
    HistogramIncrements inc = histogram_increments(answer->series, history.bounds, {stretch.from, stretch.to}, arm->pods).front();
    history.above = std::move(inc.above);
    history.total = inc.total;
  }
  if (!(history.total > 0))
    return fail(Error::Kind::NotFound, "no requests of " + to_string(*buckets) + " between " + format_time(request.from) + " and " +
                                           format_time(request.to) + ": the bounds of a latency distribution cannot be chosen");
  return history;
}

Duration Sampler::ahead() const {
  const std::scoped_lock lock(mutex_);
  return offset_.ahead();
}

Expected<Sample> Sampler::sample(const SampleRequest& request, std::stop_token stop) {
  if (request.to <= request.from)
    return fail(Error::Kind::Invalid, "a tick from " + format_time(request.from) + " to " + format_time(request.to) + " is empty");
  const Duration believed = ahead();
  auto sample = sample_at(request, believed, stop);
  // The first answer tells how wrong the clocks are; the tick is asked for again at the right time, once.
  if (const Duration now = ahead(); sample && now != believed) sample = sample_at(request, now, stop);
  return sample;
}

Expected<Sample> Sampler::sample_at(const SampleRequest& request, Duration ahead, std::stop_token stop) {
  auto matchers = parse_matchers(request.arm_selector);
  if (!matchers) return fail("analysis.prometheus.selector", matchers.error());
  auto canary = arm_of("canary", request.canary, *matchers, request.ns);
  if (!canary) return Unexpected(canary.error());
  auto baseline = arm_of("baseline", request.baseline, *matchers, request.ns);
  if (!baseline) return Unexpected(baseline.error());
  std::vector<const Arm*> arms;
  for (Arm* arm : {&*canary, &*baseline}) {
    for (auto& [pod, until] : arm->pods.warm_until) until += ahead;
    if (arm->asked) arms.push_back(arm);
  }

  Sample sample;
  sample.from = request.from;
  sample.to = request.to;
  sample.canary_coverage = canary->asked ? 1 : 0;
  sample.baseline_coverage = baseline->asked ? 1 : 0;
  Report report(sample);
  const Stretch stretch{request.from + ahead, request.to + ahead};
  Duration window = request.to - request.from + reach_back(request.spacing);
  if (window > kMaxWindow) {
    window = kMaxWindow;
    report.note("tick", "only the last hour is read; what was counted before is lost");
  }
  if (ahead != Duration(0))
    report.note("clock", "Prometheus' clock is " + format_duration(std::chrono::abs(ahead)) +
                             (ahead < Duration(0) ? " behind" : " ahead of") + " ours; ticks are shifted by that: set the clocks");
  std::vector<double> spacings;
  const Ask ask_samples = [&](const Selector& selector) { return ask(selector, window, stretch.to, stop); };

  for (const SloQuery& slo : request.slos) {
    auto questions = questions_of(slo);
    if (!questions) return of_slo(slo.name, questions.error());
    judge::SloTick tick;
    std::string used_bound;
    std::vector<Looked> looked;
    for (const Arm* arm : arms) {
      auto total = asked_of(questions->total, *arm);
      if (!total) return of_slo(slo.name, total.error());
      auto part = asked_of(questions->part, *arm);
      if (!part) return of_slo(slo.name, part.error());
      looked.emplace_back(arm, *std::move(total), *std::move(part));
    }
    const auto* latency = std::get_if<LatencyQuery>(&slo.query);
    bool native = false;
    if (latency != nullptr) {
      std::vector<Selector> parts;
      for (const Looked& arm : looked) parts.push_back(arm.part);
      auto found = bound(parts, seconds(latency->threshold), stretch.to, stop);
      if (!found) return of_slo(slo.name, found.error());
      used_bound = *found;
      if (used_bound.empty()) {
        auto native_bound = look_native(looked, seconds(latency->threshold), stretch, ask_samples);
        if (!native_bound) return of_slo(slo.name, native_bound.error());
        native = !native_bound->empty();
        used_bound = *native_bound;
      }
      if (used_bound.empty() && !looked.empty()) {
        tick.present = false;
        report.missing(slo.name, "no bucket bound that every arm has: no usable series match " + to_string(parts.front()) +
                                     ", nor native histograms " + to_string(native_selector(looked.front())));
      } else if (!used_bound.empty() && std::abs(bound_value(used_bound) / seconds(latency->threshold) - 1) > 0.01) {
        report.note(slo.name, "the nearest bucket bound " + used_bound + " s is used for " + format_duration(latency->threshold));
      }
      if (!native)
        for (Looked& arm : looked)
          if (!used_bound.empty()) arm.part.matchers.push_back({"le", Matcher::Op::Equal, used_bound});
    }
    for (Looked& arm : looked) {
      Expected<void> ok;
      if (const auto* distribution = std::get_if<DistributionQuery>(&slo.query)) {
        ok = look_distribution(arm, distribution->bounds, stretch, ask_samples);
      } else if (std::holds_alternative<GaugeQuery>(slo.query)) {
        ok = look_gauge(arm, stretch, ask_samples);
      } else if (const auto* expression = std::get_if<ExpressionQuery>(&slo.query)) {
        ok = look_expression(arm, *expression, stretch.to, stop);
      } else if (!native) {
        const bool ask_part = questions->kind == Part::Bad || !used_bound.empty();
        ok = look_counters(arm, questions->kind, ask_part, stretch, ask_samples);
      }
      if (!ok) return of_slo(slo.name, ok.error());
    }

    PodCounts pods;
    for (const Looked& arm : looked) {
      const bool is_canary = arm.arm == &*canary;
      double& coverage = is_canary ? sample.canary_coverage : sample.baseline_coverage;
      coverage = std::min(coverage, arm.coverage);
      if (arm.spacing > 0) spacings.push_back(arm.spacing);
      if (arm.seen) (is_canary ? sample.canary_present : sample.baseline_present) = true;
      (is_canary ? tick.canary : tick.baseline) = arm.counts;
      judge::Above& above = is_canary ? tick.canary_above : tick.baseline_above;
      std::copy_n(arm.above.begin(), std::min(arm.above.size(), above.size()), above.begin());
      (is_canary ? tick.canary_value : tick.baseline_value) = arm.value;
      (is_canary ? tick.canary_pods : tick.baseline_pods) = static_cast<int>(arm.pods.size());
      (is_canary ? pods.canary : pods.baseline) = arm.pods;
      if (!report.tell(slo.name, arm, request)) tick.present = false;
    }
    tick.worst_pods = worst_of(pods.canary);
    sample.slos.push_back(tick);
    sample.pods.push_back(std::move(pods));
    sample.bounds.push_back(used_bound);
  }
  std::sort(spacings.begin(), spacings.end());
  if (!spacings.empty()) sample.observed_spacing = spacings[spacings.size() / 2];
  const std::scoped_lock lock(mutex_);
  sample.server_time = server_time_;
  if (offset_.refused() != Duration(0))
    report.note("clock", "the server's Date is " + format_duration(std::chrono::abs(offset_.refused())) +
                             " off our clock, too much to be believed: set the clocks");
  return sample;
}

}  // namespace sluice::prometheus
