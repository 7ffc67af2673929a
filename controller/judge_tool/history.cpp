#include "controller/judge_tool/history.h"

#include <algorithm>
#include <cmath>

#include "controller/judge_tool/printable.h"
#include "controller/prometheus/histogram.h"
#include "controller/prometheus/question.h"
#include "controller/prometheus/sampling.h"

namespace sluice::judge_tool {
namespace {

using prometheus::Selector;

constexpr Duration kChunk = std::chrono::hours(1);
constexpr Duration kReach = std::chrono::minutes(2);
constexpr Duration kShortestTick{15'000};
constexpr std::size_t kMostTicks = 250'000;  // six weeks of 15 s
constexpr double kMostCells = 50e6;          // pods times ticks times SLOs, about 5 GB

struct Asked {
  std::string name;
  Selector total, part;
  prometheus::Part kind = prometheus::Part::Bad;
  std::optional<Selector> native;  // instead, a native histogram
  bool histogram = false;          // counted by bounds: native, or a distribution
  std::vector<double> bounds;
  std::vector<judge::LatencyBound> chosen;  // of a distribution
};

class Reading {
 public:
  Reading(const prometheus::Client& client, const HistoryRequest& request, std::stop_token stop)
      : client_(client), request_(request), stop_(std::move(stop)) {}

  Expected<std::vector<Asked>> questions();
  Expected<Duration> tick(const std::vector<Asked>& asked);
  Expected<void> chunk(const std::vector<Asked>& asked, std::size_t first, std::size_t count, History& history);
  void note(const std::string& text) {
    constexpr std::size_t kMostNotes = 20;
    if (notes_.size() < kMostNotes && std::find(notes_.begin(), notes_.end(), text) == notes_.end()) notes_.push_back(text);
  }
  std::vector<std::string> take_notes() { return std::move(notes_); }

 private:
  Expected<std::vector<prometheus::Series>> samples(const Selector& selector, Time from, Time to);
  Expected<void> choose_bound(Asked& asked, Duration threshold);
  Expected<void> choose_bounds(Asked& asked, const prometheus::DistributionQuery& query);

  const prometheus::Client& client_;
  const HistoryRequest& request_;
  std::stop_token stop_;
  std::vector<std::string> notes_;
};

Expected<std::vector<prometheus::Series>> Reading::samples(const Selector& selector, Time from, Time to) {
  auto answer = client_.samples(selector, to - from, to, stop_);
  if (!answer) return Unexpected(answer.error());
  if (!answer->warnings.empty()) note("Prometheus warns that an answer may be partial: " + printable(answer->warnings.front(), 200));
  if (request_.pod_label != "pod")
    for (prometheus::Series& series : answer->series)
      if (const auto found = series.labels.find(request_.pod_label); found != series.labels.end()) series.labels["pod"] = found->second;
  return std::move(answer->series);
}

// The classic bound that is nearest to the threshold, or the native histogram's.
Expected<void> Reading::choose_bound(Asked& asked, Duration threshold) {
  std::string used;
  for (const double part : {1.0, 0.5, 0.0}) {  // somewhere in the stretch there were samples
    const Time at = request_.start + Duration(static_cast<long long>(static_cast<double>((request_.end - request_.start).count()) * part));
    const auto bounds = client_.label_values(asked.part, "le", at, stop_);
    if (!bounds) return Unexpected(bounds.error());
    used = prometheus::nearest_bound(*bounds, seconds(threshold));
    if (!used.empty()) break;
    Selector native = asked.part;
    native.metric.resize(native.metric.size() - prometheus::kBucket.size());
    auto found = samples(native, at - std::chrono::minutes(10), at);
    if (!found) return Unexpected(found.error());
    if (const auto bound = prometheus::native_bound(*found, seconds(threshold))) {
      asked.native = native;
      asked.histogram = true;
      asked.bounds = {*bound};
      used = number(*bound);
      break;
    }
  }
  if (used.empty())
    return fail(Error::Kind::NotFound,
                "slo " + asked.name + ": no buckets and no native histograms: no series match " + to_string(asked.part) +
                    " at the stretch's ends and in its middle: check the histogram's name, the selector and the times");
  if (!asked.native) asked.part.matchers.push_back({"le", prometheus::Matcher::Op::Equal, used});
  if (std::abs(prometheus::bound_value(used) / seconds(threshold) - 1) > 0.01)
    note(asked.name + ": the nearest bucket bound " + used + " s is used for " + format_duration(threshold));
  return {};
}

// The bounds of a whole distribution, from the half hour before the stretch, so that nothing is judged that was chosen by.
Expected<void> Reading::choose_bounds(Asked& asked, const prometheus::DistributionQuery& query) {
  constexpr Duration kLearned = std::chrono::minutes(30);
  asked.histogram = true;
  asked.bounds = query.bounds;
  const auto learn = [&](const Selector& selector) { return samples(selector, request_.start - kLearned - kReach, request_.start); };
  auto past = learn(asked.part);
  if (!past) return Unexpected(past.error());
  if (past->empty()) {
    Selector native = asked.part;
    native.metric.resize(native.metric.size() - prometheus::kBucket.size());
    past = learn(native);
    if (!past) return Unexpected(past.error());
    asked.native = native;
  }
  if (!asked.bounds.empty()) return {};
  judge::LatencyHistory history;
  history.bounds = prometheus::bounds_of(*past);
  if (!history.bounds.empty()) {
    auto inc = prometheus::histogram_increments(*past, history.bounds, {request_.start - kLearned, request_.start}, {}).front();
    history.above = std::move(inc.above);
    history.total = inc.total;
  }
  auto chosen = judge::choose_bounds(history, request_.slowdown);
  if (!chosen)
    return fail("slo " + asked.name + ": bounds of " + to_string(asked.native ? *asked.native : asked.part) +
                    " cannot be chosen from the half hour before " + format_time(request_.start) + " (give a later --start)",
                chosen.error());
  asked.chosen = *std::move(chosen);
  for (const judge::LatencyBound& bound : asked.chosen) asked.bounds.push_back(bound.seconds);
  return {};
}

Expected<std::vector<Asked>> Reading::questions() {
  const auto pods = prometheus::parse_matchers(request_.pods);
  if (!pods) return fail("--selector", pods.error());
  std::vector<Asked> all;
  for (const prometheus::SloQuery& slo : request_.slos) {
    const auto* distribution = std::get_if<prometheus::DistributionQuery>(&slo.query);
    auto questions = prometheus::questions_of(
        distribution == nullptr ? slo : prometheus::SloQuery{slo.name, prometheus::LatencyQuery{distribution->histogram, Duration(1)}});
    if (!questions) return fail("slo " + slo.name, questions.error());
    Asked asked{slo.name, questions->total, questions->part, questions->kind, std::nullopt, false, {}, {}};
    for (Selector* selector : {&asked.total, &asked.part}) selector->matchers.insert(selector->matchers.end(), pods->begin(), pods->end());
    if (const auto* latency = std::get_if<prometheus::LatencyQuery>(&slo.query))
      if (auto ok = choose_bound(asked, latency->threshold); !ok) return Unexpected(ok.error());
    if (distribution != nullptr)
      if (auto ok = choose_bounds(asked, *distribution); !ok) return Unexpected(ok.error());
    all.push_back(std::move(asked));
  }
  return all;
}

Expected<Duration> Reading::tick(const std::vector<Asked>& asked) {
  if (request_.tick > Duration(0)) return request_.tick;
  const Selector& selector = asked.front().native ? *asked.front().native : asked.front().total;
  constexpr int kProbes = 48;
  for (int i = 1; i <= kProbes; ++i) {
    const Time at = request_.start + (request_.end - request_.start) * i / kProbes;
    const auto found = samples(selector, at - std::chrono::minutes(10), at);
    if (!found) return Unexpected(found.error());
    std::map<std::string, std::set<Time>> scrapes;
    for (std::size_t s = 0; s < found->size(); ++s) {
      for (const auto& p : (*found)[s].points) scrapes[std::to_string(s)].insert(p.at);
      for (const auto& p : (*found)[s].histograms) scrapes[std::to_string(s)].insert(p.at);
    }
    const double spacing = prometheus::median_spacing(scrapes);
    if (spacing > 0) return std::max(kShortestTick, Duration(1000 * static_cast<long long>(std::ceil(spacing - 0.05))));
  }
  return fail(Error::Kind::NotFound, "no series match " + to_string(selector) + " between " + format_time(request_.start) + " and " +
                                         format_time(request_.end) + ": check the selector, the metric and the times");
}

Expected<void> Reading::chunk(const std::vector<Asked>& asked, std::size_t first, std::size_t count, History& history) {
  const std::vector<Time> borders(history.borders.begin() + static_cast<std::ptrdiff_t>(first),
                                  history.borders.begin() + static_cast<std::ptrdiff_t>(first + count + 1));
  const Time from = borders.front() - kReach, to = borders.back();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    int resets = 0;
    if (asked[i].histogram) {
      const auto series = samples(asked[i].native ? *asked[i].native : asked[i].part, from, to);
      if (!series) return Unexpected(series.error());
      const auto ticks = prometheus::histogram_increments(*series, asked[i].bounds, borders, {});
      for (std::size_t t = 0; t < count; ++t) {
        resets += ticks[t].resets;
        PodTick& tick = history.slos[i][first + t];
        for (const auto& [pod, counts] : ticks[t].pods) {
          PodCounts& to_pod = tick[pod];
          static_cast<judge::Counts&>(to_pod) = counts;
          const auto above = ticks[t].pods_above.find(pod);
          if (above != ticks[t].pods_above.end())
            std::copy_n(above->second.begin(), std::min(above->second.size(), to_pod.above.size()), to_pod.above.begin());
        }
      }
    } else {
      const auto total = samples(asked[i].total, from, to);
      if (!total) return Unexpected(total.error());
      const auto part = samples(asked[i].part, from, to);
      if (!part) return Unexpected(part.error());
      const auto ticks = prometheus::increments_by_tick(*total, *part, asked[i].kind, borders, {});
      for (std::size_t t = 0; t < count; ++t) {
        resets += ticks[t].resets;
        for (const auto& [pod, counts] : ticks[t].pods) static_cast<judge::Counts&>(history.slos[i][first + t][pod]) = counts;
      }
    }
    if (resets > 0) note(asked[i].name + ": counters were reset (pods restarted): a tick with a restart may count too little");
  }
  return {};
}

}  // namespace

Expected<History> read_history(const prometheus::Client& client, const HistoryRequest& request, const std::function<void(double)>& progress,
                               std::stop_token stop) {
  if (request.end <= request.start)
    return fail(Error::Kind::Invalid, "the stretch from " + format_time(request.start) + " to " + format_time(request.end) +
                                          " is empty: --end must be after --start");
  Reading reading(client, request, stop);
  const auto asked = reading.questions();
  if (!asked) return Unexpected(asked.error());
  const auto tick = reading.tick(*asked);
  if (!tick) return Unexpected(tick.error());
  if ((request.end - request.start) / *tick > static_cast<long long>(kMostTicks))
    return fail(Error::Kind::Invalid, "the stretch has " + std::to_string((request.end - request.start) / *tick) + " ticks: at most " +
                                          std::to_string(kMostTicks) + " are read, give a shorter one or a longer --tick");
  History history;
  for (Time at = request.start; at <= request.end; at += *tick) history.borders.push_back(at);
  history.slos.assign(asked->size(), std::vector<PodTick>(history.ticks()));
  std::size_t step = std::max<std::size_t>(1, static_cast<std::size_t>(kChunk / *tick));
  double cells = 0;
  for (std::size_t first = 0; first < history.ticks();) {
    const std::size_t count = std::min(step, history.ticks() - first);
    if (auto ok = reading.chunk(*asked, first, count, history); !ok) {
      if (!ok.error().is(Error::Kind::Corrupt) || count < 8) return Unexpected(ok.error());
      step = count / 4;  // an answer above the limits: less at a time
      continue;
    }
    for (std::size_t i = 0; i < asked->size(); ++i)
      for (std::size_t t = first; t < first + count; ++t) cells += static_cast<double>(history.slos[i][t].size());
    if (cells > kMostCells)
      return fail(Error::Kind::Invalid, "more than " + number(kMostCells / 1e6) + " million counts until " +
                                            format_time(history.borders[first]) + ": give a narrower --selector or a shorter stretch");
    first += count;
    progress(static_cast<double>(first) / static_cast<double>(history.ticks()));
  }
  for (const Asked& one : *asked) history.bounds.push_back(one.chosen);
  history.notes = reading.take_notes();
  return history;
}

judge::SloTick paired(const PodTick* canary, const PodTick* baseline) {
  judge::SloTick tick;
  const auto add = [&](const PodTick* pods, judge::Counts& counts, judge::Above& above, int& number_of) {
    if (pods == nullptr || pods->empty()) {
      tick.present = false;
    } else {
      for (const auto& [pod, some] : *pods) {
        counts += some;
        for (std::size_t i = 0; i < above.size(); ++i) above[i] += some.above[i];
      }
    }
    number_of = pods == nullptr ? 0 : static_cast<int>(pods->size());
  };
  add(canary, tick.canary, tick.canary_above, tick.canary_pods);
  add(baseline, tick.baseline, tick.baseline_above, tick.baseline_pods);
  if (canary != nullptr) {
    std::vector<judge::PodBad> worst;
    for (const auto& [pod, counts] : *canary) worst.push_back({judge::pod_id(pod), counts.bad});
    std::stable_sort(worst.begin(), worst.end(), [](const judge::PodBad& a, const judge::PodBad& b) { return a.bad > b.bad; });
    for (std::size_t i = 0; i < std::min(worst.size(), tick.worst_pods.size()); ++i) tick.worst_pods[i] = worst[i];
  }
  // Errors that are no part of the requests cannot be judged.
  if (!tick.canary.valid() || !tick.baseline.valid()) tick.present = false;
  return tick;
}

}  // namespace sluice::judge_tool
