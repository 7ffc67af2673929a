#include "controller/judge_tool/tick_reader.h"

#include <algorithm>
#include <cmath>

#include "controller/judge_tool/printable.h"

namespace sluice::judge_tool {

Expected<std::optional<TickReader::Placed>> TickReader::next_line() {
  while (true) {
    auto text = lines_.next();
    if (!text) return Unexpected(text.error());
    if (!*text) return std::optional<Placed>();
    if ((*text)->find_first_not_of(" \t") == std::string::npos) continue;
    auto line = parse_tick_line(**text);
    if (!line) {
      auto error = fail(lines_.place(), line.error());
      if (line.error().is(Error::Kind::Corrupt) && !lines_.ended()) error.value().message += " (the last line is torn: it has no newline)";
      return error;
    }
    return std::optional<Placed>({*std::move(line), lines_.line()});
  }
}

Expected<judge::Counts> TickReader::counts_of(const SloOption& slo, const Placed& placed) {
  const TickLine& line = placed.line;
  if (line.bad) {
    if (slo.threshold && declared_ && bounds_.contains(slo.plan.name))
      return fail(Error::Kind::Invalid, "slo " + slo.plan.name + " has bad here and had buckets before: give the same kind in every line");
    return judge::Counts{line.requests, *line.bad};
  }
  if (!slo.threshold)
    return fail(Error::Kind::Invalid, "slo " + slo.plan.name + " has buckets and no threshold: say which requests are bad with --slo " +
                                          slo.plan.name + ":threshold=250ms");
  const double threshold = seconds(*slo.threshold);
  auto known = bounds_.find(slo.plan.name);
  if (known == bounds_.end()) {
    if (line.buckets.empty())
      return fail(Error::Kind::Invalid,
                  "field buckets has no finite bound: give one at the threshold of " + format_duration(*slo.threshold));
    const auto nearest = std::min_element(line.buckets.begin(), line.buckets.end(), [&](const auto& a, const auto& b) {
      return std::abs(std::log(a.first / threshold)) < std::abs(std::log(b.first / threshold));
    });
    known = bounds_.emplace(slo.plan.name, nearest->first).first;
    if (std::abs(nearest->first / threshold - 1) > 0.01)
      notes_.push_back(slo.plan.name + ": the nearest bucket bound " + number(nearest->first) + " s is used for " +
                       format_duration(*slo.threshold));
  }
  const auto at = line.buckets.find(known->second);
  if (at == line.buckets.end())
    return fail(Error::Kind::Invalid, "field buckets lacks the bound " + number(known->second) + " that earlier lines of slo " +
                                          slo.plan.name + " have: give the same bounds in every line");
  return judge::Counts{line.requests, line.requests - at->second};
}

Unexpected TickReader::at_line(const Placed& placed, Error error) const {
  return fail(lines_.place().substr(0, lines_.place().rfind(' ')) + " " + std::to_string(placed.number), std::move(error));
}

Expected<void> TickReader::count_above(const SloOption& slo, const Placed& placed, judge::Counts& counts, judge::Above& above) const {
  counts = {placed.line.requests, 0};
  for (std::size_t i = 0; i < slo.plan.bounds.size(); ++i) {
    const auto at = placed.line.buckets.find(slo.plan.bounds[i].seconds);
    if (at == placed.line.buckets.end())
      return fail(Error::Kind::Invalid, "field buckets lacks the bound " + number(slo.plan.bounds[i].seconds) + " that slo " +
                                            slo.plan.name + " is judged at: give the same bounds in every line");
    above[i] = placed.line.requests - at->second;
  }
  return {};
}

// Distributions need bounds before anything can be judged: the baseline of at least ten ticks, and of as many as it takes.
bool TickReader::learn(const std::vector<Placed>& lines) {
  constexpr int kFewestTicks = 10;
  const bool all =
      std::none_of(slos_.begin(), slos_.end(), [](const SloOption& s) { return s.is_distribution() && s.plan.bounds.empty(); });
  if (all) return true;
  ++learned_ticks_;
  bool chosen = true;
  for (SloOption& slo : slos_) {
    if (!slo.is_distribution() || !slo.plan.bounds.empty()) continue;
    judge::LatencyHistory& history = learning_[slo.plan.name];
    for (const Placed& placed : lines) {
      if (placed.line.slo != slo.plan.name || placed.line.canary || placed.line.buckets.empty()) continue;
      if (history.bounds.empty())
        for (const auto& [bound, count] : placed.line.buckets) {
          history.bounds.push_back(bound);
          history.above.push_back(0);
        }
      history.total += placed.line.requests;
      for (std::size_t i = 0; i < history.bounds.size(); ++i) {
        const auto at = placed.line.buckets.find(history.bounds[i]);
        history.above[i] += placed.line.requests - (at == placed.line.buckets.end() ? 0 : at->second);
      }
    }
    auto bounds = judge::choose_bounds(history, slo.plan.slowdown);
    if (!bounds) why_not_ = "slo " + slo.plan.name + ": " + bounds.error().message;
    if (bounds && learned_ticks_ >= kFewestTicks) slo.plan.bounds = *std::move(bounds);
    else chosen = false;
  }
  if (chosen)
    notes_.push_back("the baseline of the first " + std::to_string(learned_ticks_) +
                     " ticks chose the latency bounds; they were not judged");
  return false;
}

Expected<Tick> TickReader::made(const std::vector<Placed>& lines) {
  if (!begun_ && !declared_) {
    for (const Placed& placed : lines) {
      const bool known = std::any_of(slos_.begin(), slos_.end(), [&](const SloOption& s) { return s.plan.name == placed.line.slo; });
      if (known) continue;
      SloOption slo;
      slo.plan.name = placed.line.slo;
      slos_.push_back(std::move(slo));
    }
  }
  begun_ = true;
  Tick tick{lines.front().line.at, std::vector<judge::SloTick>(slos_.size())};
  std::vector<std::pair<const Placed*, const Placed*>> arms(slos_.size());  // canary, baseline
  for (const Placed& placed : lines) {
    const auto slo = std::find_if(slos_.begin(), slos_.end(), [&](const SloOption& s) { return s.plan.name == placed.line.slo; });
    if (slo == slos_.end()) {
      std::string names;
      for (const SloOption& s : slos_) names += (names.empty() ? "" : ", ") + s.plan.name;
      return at_line(placed, Error{Error::Kind::Invalid,
                                   "field slo is \"" + placed.line.slo + "\", which is not one of " + names +
                                       (declared_ ? " (--slo)" : " (the first tick's)") + ": name every SLO with --slo",
                                   0,
                                   {}});
    }
    auto& pair = arms[static_cast<std::size_t>(slo - slos_.begin())];
    const Placed*& place = placed.line.canary ? pair.first : pair.second;
    if (place != nullptr)
      return at_line(placed, Error{Error::Kind::Invalid,
                                   "the " + std::string(placed.line.canary ? "canary" : "baseline") + "'s slo " + placed.line.slo + " at " +
                                       format_time(placed.line.at) + " was told in line " + std::to_string(place->number) +
                                       " already: give each tick, arm and SLO once",
                                   0,
                                   {}});
    place = &placed;
  }
  for (std::size_t i = 0; i < slos_.size(); ++i) {
    judge::SloTick& to = tick.slos[i];
    for (const Placed* placed : {arms[i].first, arms[i].second}) {
      if (placed == nullptr || placed->line.no_data) {
        to.present = false;
        continue;
      }
      if (slos_[i].is_distribution()) {
        const bool canary = placed == arms[i].first;
        if (auto ok = count_above(slos_[i], *placed, canary ? to.canary : to.baseline, canary ? to.canary_above : to.baseline_above); !ok)
          return at_line(*placed, ok.error());
        continue;
      }
      auto counts = counts_of(slos_[i], *placed);
      if (!counts) return at_line(*placed, counts.error());
      (placed == arms[i].first ? to.canary : to.baseline) = *counts;
    }
  }
  return tick;
}

Expected<std::optional<std::vector<TickReader::Placed>>> TickReader::next_lines() {
  if (!ahead_) {
    auto first = next_line();
    if (!first) return Unexpected(first.error());
    if (!*first) return std::optional<std::vector<Placed>>();
    ahead_ = *std::move(first);
  }
  std::vector<Placed> lines{*std::move(ahead_)};
  ahead_.reset();
  while (true) {
    auto line = next_line();
    if (!line) return Unexpected(line.error());
    if (!*line) break;
    const Time before = lines.front().line.at;
    if ((*line)->line.at < before)
      return fail(Error::Kind::Invalid, lines_.place() + ": field time is " + format_time((*line)->line.at) + ", before " +
                                            format_time(before) + " of the line above: sort the lines by time");
    if ((*line)->line.at > before) {
      ahead_ = *std::move(line);
      break;
    }
    constexpr std::size_t kMostLines = 1000;
    if (lines.size() >= kMostLines)
      return fail(Error::Kind::Invalid,
                  lines_.place() + ": more than " + std::to_string(kMostLines) + " lines of one tick: give each tick, arm and SLO once");
    lines.push_back(**std::move(line));
  }
  return std::optional<std::vector<Placed>>(std::move(lines));
}

Expected<std::optional<Tick>> TickReader::next() {
  while (true) {
    auto lines = next_lines();
    if (!lines) return Unexpected(lines.error());
    if (!*lines) {
      const bool learning =
          std::any_of(slos_.begin(), slos_.end(), [](const SloOption& s) { return s.is_distribution() && s.plan.bounds.empty(); });
      if (learning && learned_ticks_ > 0)
        return fail(Error::Kind::Invalid, lines_.place() + ": it ends before latency bounds could be chosen" +
                                              (why_not_.empty() ? " (10 ticks are needed)" : ": " + why_not_));
      return std::optional<Tick>();
    }
    if (!learn(**lines)) continue;
    auto tick = made(**lines);
    if (!tick) return Unexpected(tick.error());
    return std::optional<Tick>(*std::move(tick));
  }
}

}  // namespace sluice::judge_tool
