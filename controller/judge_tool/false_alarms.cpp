#include "controller/judge_tool/false_alarms.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "controller/judge_tool/replay.h"

namespace sluice::judge_tool {
namespace {

constexpr double kPresent = 0.9;
constexpr std::size_t kFewestTicks = 20;

// Pods that were scraped in nearly every tick of [first, first + count), by the first SLO.
std::vector<std::string> steady_pods(const History& history, std::size_t first, std::size_t count) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t t = first; t < first + count; ++t)
    for (const auto& [pod, counts] : history.slos.front()[t])
      if (!pod.empty()) ++seen[pod];
  std::vector<std::string> pods;
  for (const auto& [pod, ticks] : seen)
    if (static_cast<double>(ticks) >= kPresent * static_cast<double>(count)) pods.push_back(pod);
  return pods;
}

// Not std::shuffle, whose result depends on the library: the same seed shall give the same draws everywhere.
void mix(std::vector<std::string>& pods, std::mt19937_64& random) {
  for (std::size_t i = pods.size(); i > 1; --i) std::swap(pods[i - 1], pods[random() % i]);
}

judge::ReplayWindow window_of(const History& history, std::size_t first, std::size_t count, const std::vector<std::string>& canary,
                              const std::vector<std::string>& baseline) {
  judge::ReplayWindow window;
  window.ticks.assign(count, std::vector<judge::SloTick>(history.slos.size()));
  window.pods.assign(history.slos.size(), std::vector<judge::PodHalves>(baseline.size()));
  for (std::size_t s = 0; s < history.slos.size(); ++s)
    for (std::size_t t = 0; t < count; ++t) {
      const PodTick& all = history.slos[s][first + t];
      PodTick of_canary, of_baseline;
      for (const std::string& pod : canary)
        if (const auto found = all.find(pod); found != all.end()) of_canary.insert(*found);
      for (std::size_t p = 0; p < baseline.size(); ++p)
        if (const auto found = all.find(baseline[p]); found != all.end()) {
          of_baseline.insert(*found);
          (2 * t < count ? window.pods[s][p].first : window.pods[s][p].second) += found->second;
        }
      window.ticks[t][s] = paired(&of_canary, &of_baseline);
    }
  return window;
}

}  // namespace

Expected<Draws> draw(const History& history, const DrawOptions& options) {
  if (history.ticks() == 0 || history.slos.empty()) return fail(Error::Kind::Invalid, "the history has no ticks: give a longer stretch");
  const Duration tick = history.borders[1] - history.borders[0];
  const auto count = static_cast<std::size_t>(options.window / tick);
  if (count < kFewestTicks)
    return fail(Error::Kind::Invalid, "a window of " + format_duration(options.window) + " has " + std::to_string(count) + " ticks of " +
                                          format_duration(tick) + ": at least " + std::to_string(kFewestTicks) +
                                          " are needed, give a longer --window");
  if (count > history.ticks())
    return fail(Error::Kind::Invalid, "the history of " + std::to_string(history.ticks()) + " ticks is shorter than a window of " +
                                          std::to_string(count) + ": give an earlier --start or a shorter --window");
  Draws draws;
  std::mt19937_64 random(options.seed);
  for (std::size_t first = 0, number = 0; first + count <= history.ticks(); first += count, ++number) {
    std::vector<std::string> pods = steady_pods(history, first, count);
    const std::string when = "window from " + format_time(history.borders[first]) + ": ";
    if (pods.size() < 2) {
      draws.skipped.push_back(when + std::to_string(pods.size()) + " pod(s) were there for nine of ten ticks, two are needed");
      continue;
    }
    const std::size_t wanted = options.canary_pods > 0 ? static_cast<std::size_t>(options.canary_pods) : (pods.size() + 5) / 10;
    const std::size_t m = std::clamp<std::size_t>(wanted, 1, pods.size() - 1);
    bool used = false;
    for (int d = 0; d < options.draws; ++d) {
      std::vector<std::string> order = pods;
      mix(order, random);
      const std::vector<std::string> canary(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(m));
      const std::vector<std::string> baseline(order.begin() + static_cast<std::ptrdiff_t>(m), order.end());
      Draw one{number, history.borders[first], canary, static_cast<int>(pods.size()), window_of(history, first, count, canary, baseline)};
      const bool requests = std::any_of(one.replay.ticks.begin(), one.replay.ticks.end(),
                                        [](const auto& t) { return t.front().canary.total > 0 && t.front().baseline.total > 0; });
      if (!requests) continue;
      draws.all.push_back(std::move(one));
      used = true;
    }
    if (used) ++draws.windows;
    else draws.skipped.push_back(when + "no requests");
  }
  return draws;
}

Expected<Outcome> judged(const judge::TrialPlan& plan, const judge::ReplayWindow& window) {
  auto replay = Replay::of(plan);
  if (!replay) return Unexpected(replay.error());
  Outcome outcome;
  for (const auto& ticks : window.ticks) {
    auto verdict = replay->step(ticks);
    if (!verdict) return Unexpected(verdict.error());
    outcome.passed = outcome.passed || verdict->state == judge::Verdict::State::Pass;
    outcome.verdict = *std::move(verdict);
    outcome.ticks = replay->ticks();
    if (replay->failed()) break;
  }
  outcome.failed = replay->failed();
  outcome.held = replay->held();
  if (!outcome.failed) outcome.verdict = replay->end();
  return outcome;
}

}  // namespace sluice::judge_tool
