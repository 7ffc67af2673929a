#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "common/core/percent.h"
#include "controller/judge/clopper_pearson.h"
#include "controller/judge_tool/commands.h"
#include "controller/judge_tool/false_alarms.h"
#include "controller/judge_tool/printable.h"
#include "controller/judge_tool/replay.h"
#include "controller/judge_tool/report.h"
#include "controller/judge_tool/tick_reader.h"

namespace sluice::judge_tool {
namespace {

using nlohmann::ordered_json;

Expected<std::vector<SloOption>> slos_of(const std::vector<std::string>& texts) {
  std::vector<SloOption> slos;
  std::set<std::string> names;
  for (const std::string& text : texts) {
    auto slo = parse_slo_option(text);
    if (!slo) return Unexpected(slo.error());
    if (!names.insert(slo->plan.name).second)
      return fail(Error::Kind::Invalid, "--slo " + slo->plan.name + " is given twice: give each SLO a name of its own");
    slos.push_back(*std::move(slo));
  }
  return slos;
}

// Prints the verdict of each tick, or of those at which it changes, and what it came to.
class Telling {
 public:
  Telling(const ReplayFlags& flags, const World& world) : flags_(flags), world_(world) {}

  void tick(Time at, const judge::Verdict& verdict) {
    ++ticks_;
    at_ = at;
    last_ = verdict;
    const bool changed = !state_ || *state_ != verdict.state;
    if (changed && state_) changes_.push_back(format_time(at) + " " + std::string(judge::name(verdict.state)));
    state_ = verdict.state;
    told_ = changed || !flags_.changes;
    if (told_) print(at, verdict);
    world_.out.flush();
  }
  void end(const Replay* replay, int after) {
    if (replay == nullptr || !last_) {
      if (!flags_.json) world_.out << "No ticks: nothing was judged.\n";
      return;
    }
    const judge::Verdict verdict = replay->end();
    if (verdict.state != last_->state || !told_) print(at_, verdict);
    if (flags_.json) return;
    std::string text = "End: " + std::string(judge::name(verdict.state)) + " after " + std::to_string(ticks_) + " ticks.";
    if (after > 0) text += " A failure is final: " + std::to_string(after) + " later ticks were not judged.";
    if (verdict.state == judge::Verdict::State::Inconclusive && verdict.no_harm)
      text += " Nothing spoke against the canary, which is not a proof.";
    world_.out << '\n' << wrapped(text, world_.width, 0);
  }

 private:
  void print(Time at, const judge::Verdict& verdict) {
    world_.out << (flags_.json ? as_json(at, verdict) : as_text(at, verdict, world_.width));
  }

  const ReplayFlags& flags_;
  const World& world_;
  std::optional<judge::Verdict::State> state_;
  std::optional<judge::Verdict> last_;
  std::vector<std::string> changes_;
  Time at_;
  int ticks_ = 0;
  bool told_ = true;
};

void tell_notes(const std::vector<std::string>& notes, const World& world) {
  for (const std::string& note : notes) world.err << wrapped("note: " + note, world.width, 0);
}

Expected<void> replay_lines(const ReplayFlags& flags, judge::TrialPlan plan, const std::vector<SloOption>& slos, const World& world) {
  std::ifstream file;
  const bool standard = flags.file == "-";
  if (!standard) {
    file.open(flags.file, std::ios::binary);
    if (!file) return fail(Error::Kind::NotFound, printable(flags.file, 200) + ": cannot be opened: check its name and rights");
  }
  TickReader reader(standard ? world.in : file, standard ? "standard input" : printable(flags.file, 200), slos);
  std::optional<Replay> replay;
  Telling telling(flags, world);
  int after = 0;
  while (true) {
    auto tick = reader.next();
    if (!tick) return Unexpected(tick.error());
    if (!*tick) break;
    if (!replay) {
      for (const SloOption& slo : reader.slos()) plan.slos.push_back(slo.plan);
      auto made = Replay::of(plan);
      if (!made) return Unexpected(made.error());
      replay = *std::move(made);
    }
    if (replay->failed()) {
      ++after;
      continue;
    }
    const auto verdict = replay->step((*tick)->slos);
    if (!verdict) return fail("tick at " + format_time((*tick)->at), verdict.error());
    telling.tick((*tick)->at, *verdict);
  }
  telling.end(replay ? &*replay : nullptr, after);
  tell_notes(reader.notes(), world);
  return {};
}

Expected<HistoryRequest> request_of(const ReplayFlags& flags, const std::vector<SloOption>& slos) {
  HistoryRequest request;
  request.pods = flags.selector;
  request.pod_label = flags.pod_label;
  for (const auto& [flag, text, time] :
       {std::tuple{"--start", &flags.start, &request.start}, std::tuple{"--end", &flags.end, &request.end}}) {
    const auto parsed = parse_time(*text);
    if (!parsed) return fail(std::string(flag) + " (such as 2026-11-23T12:00:00Z)", parsed.error());
    *time = *parsed;
  }
  if (!flags.tick.empty()) {
    const auto tick = parse_duration(flags.tick);
    if (!tick) return fail("--tick", tick.error());
    if (*tick < Duration(1'000)) return fail(Error::Kind::Invalid, "--tick is " + format_duration(*tick) + ": give 1s or more");
    request.tick = *tick;
  }
  for (const SloOption& slo : slos) {
    if (slo.is_distribution()) {
      prometheus::DistributionQuery query;
      if (!flags.histogram.empty()) query.histogram = flags.histogram;
      request.slowdown = slo.plan.slowdown;
      request.slos.push_back({slo.plan.name, query});
    } else if (slo.threshold) {
      prometheus::LatencyQuery query;
      if (!flags.histogram.empty()) query.histogram = flags.histogram;
      query.threshold = *slo.threshold;
      request.slos.push_back({slo.plan.name, query});
    } else {
      prometheus::ErrorRateQuery query;
      if (!flags.total.empty()) query.total = flags.total;
      if (!flags.errors.empty()) query.errors = flags.errors;
      request.slos.push_back({slo.plan.name, query});
    }
  }
  return request;
}

Expected<prometheus::Client> client_of(const ReplayFlags& flags, const World& world) {
  prometheus::ClientOptions options;
  options.timeout = Duration(60'000);
  options.limits = {256 * 1024 * 1024, 100'000, 10'000'000};
  std::string url = flags.prometheus;
  const std::size_t scheme = url.find("://");
  const std::size_t path = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
  if (path != std::string::npos) {
    options.path_prefix = url.substr(path);
    while (options.path_prefix.ends_with('/')) options.path_prefix.pop_back();
    url.resize(path);
  }
  if (!flags.token_file.empty()) {
    std::ifstream file(flags.token_file);
    if (!std::getline(file, options.bearer_token) || options.bearer_token.empty())
      return fail(Error::Kind::NotFound, "--token-file " + printable(flags.token_file, 200) + ": no token can be read from it");
  }
  auto transport = world.connect({url, {}, ""});
  if (!transport) return fail("--from-prometheus " + printable(flags.prometheus, 200), transport.error());
  return prometheus::Client(*std::move(transport), std::move(options));
}

Expected<History> history_of(const prometheus::Client& client, const HistoryRequest& request, const World& world) {
  auto history = read_history(
      client, request,
      [&](double done) {
        if (world.show_progress)
          world.err << "\rreading history: " << std::lround(100 * done) << "% " << (done >= 1 ? "\n" : "") << std::flush;
      },
      world.stop);
  if (history) tell_notes(history->notes, world);
  return history;
}

// The bounds of latency distributions, once they are known.
Expected<void> complete(judge::TrialPlan& plan, const History& history) {
  for (std::size_t i = 0; i < plan.slos.size() && i < history.bounds.size(); ++i)
    if (!history.bounds[i].empty()) plan.slos[i].bounds = history.bounds[i];
  return judge::check(plan);
}

Expected<void> replay_two_sets(const ReplayFlags& flags, judge::TrialPlan plan, HistoryRequest request, const prometheus::Client& client,
                               const World& world) {
  const auto baseline = history_of(client, request, world);
  if (!baseline) return fail("baseline (--selector)", baseline.error());
  if (auto ok = complete(plan, *baseline); !ok) return ok;
  request.pods = flags.canary_selector;
  for (std::size_t i = 0; i < plan.slos.size(); ++i)
    if (auto* query = std::get_if<prometheus::DistributionQuery>(&request.slos[i].query))
      for (const judge::LatencyBound& bound : plan.slos[i].bounds) query->bounds.push_back(bound.seconds);
  request.tick = baseline->borders[1] - baseline->borders[0];
  const auto canary = history_of(client, request, world);
  if (!canary) return fail("canary (--canary-selector)", canary.error());
  auto replay = Replay::of(plan);
  if (!replay) return Unexpected(replay.error());
  Telling telling(flags, world);
  int after = 0;
  for (std::size_t t = 0; t < baseline->ticks(); ++t) {
    if (replay->failed()) {
      ++after;
      continue;
    }
    std::vector<judge::SloTick> ticks;
    for (std::size_t s = 0; s < plan.slos.size(); ++s) {
      for (const auto& [pod, counts] : canary->slos[s][t])
        if (baseline->slos[s][t].contains(pod))
          return fail(Error::Kind::Invalid,
                      "pod " + printable(pod) + " is in both arms: give --selector and --canary-selector that share no pod");
      ticks.push_back(paired(&canary->slos[s][t], &baseline->slos[s][t]));
    }
    const auto verdict = replay->step(ticks);
    if (!verdict) return fail("tick at " + format_time(baseline->borders[t + 1]), verdict.error());
    telling.tick(baseline->borders[t + 1], *verdict);
  }
  telling.end(&*replay, after);
  return {};
}

struct Tally {
  int draws = 0, failed = 0, held = 0, passed = 0;
  std::set<std::size_t> windows_failed;
};

Expected<Tally> tally(const judge::TrialPlan& plan, const std::vector<Draw>& draws, std::vector<std::pair<const Draw*, Outcome>>& alarms) {
  Tally t;
  for (const Draw& draw : draws) {
    auto outcome = judged(plan, draw.replay);
    if (!outcome) return Unexpected(outcome.error());
    ++t.draws;
    t.failed += outcome->failed;
    t.held += !outcome->failed && outcome->held;
    t.passed += outcome->passed;
    if (!outcome->failed) continue;
    t.windows_failed.insert(draw.window);
    alarms.emplace_back(&draw, *std::move(outcome));
  }
  return t;
}

std::string share_words(int hits, int of) {
  return std::to_string(hits) + " of " + std::to_string(of) + " (" + format_percent(of > 0 ? static_cast<double>(hits) / of : 0, 2) + ")";
}

std::string pods_words(const Draw& draw) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(draw.canary.size(), 3); ++i) text += (i > 0 ? ", " : "") + printable(draw.canary[i]);
  return text + (draw.canary.size() > 3 ? " and " + std::to_string(draw.canary.size() - 3) + " more" : "");
}

ordered_json as_json(const Tally& t, std::size_t windows) {
  return {{"draws", t.draws},
          {"falseRollbacks", t.failed},
          {"held", t.held},
          {"passed", t.passed},
          {"windows", windows},
          {"windowsWithFalseRollback", t.windows_failed.size()},
          {"upper95", judge::upper_limit(static_cast<int>(t.windows_failed.size()), static_cast<int>(windows), 0.95)}};
}

std::string as_words(const Tally& t, std::size_t windows, const judge::TrialPlan& plan) {
  const int hit = static_cast<int>(t.windows_failed.size()), of = static_cast<int>(windows);
  return "False rollbacks: " + share_words(t.failed, t.draws) + " draws, in " + share_words(hit, of) +
         " windows; with 95% confidence at most " + format_percent(judge::upper_limit(hit, of, 0.95), 1) +
         " of such windows. falseRollback promises " + format_percent(plan.alpha) + ". The weight would have been held in " +
         std::to_string(t.held) + " more draws; " + std::to_string(t.passed) + " reached the proof that promotion needs.";
}

Expected<void> replay_false_alarms(const ReplayFlags& flags, judge::TrialPlan plan, const HistoryRequest& request,
                                   const prometheus::Client& client, const World& world) {
  const auto window = parse_duration(flags.window);
  if (!window) return fail("--window", window.error());
  const auto history = history_of(client, request, world);
  if (!history) return Unexpected(history.error());
  if (auto ok = complete(plan, *history); !ok) return ok;
  auto draws = draw(*history, {*window, flags.canary_pods, flags.draws, flags.seed});
  if (!draws) return Unexpected(draws.error());
  tell_notes(draws->skipped, world);
  if (draws->all.empty())
    return fail(Error::Kind::NotFound,
                "no window can be used: at least two pods with traffic are needed, for nine of ten ticks of a window");
  std::vector<std::pair<const Draw*, Outcome>> alarms;
  const auto found = tally(plan, draws->all, alarms);
  if (!found) return Unexpected(found.error());

  std::optional<judge::Calibration> calibration;
  std::optional<Tally> calibrated;
  std::vector<std::pair<const Draw*, Outcome>> still;
  if (flags.calibrate) {
    // The first draw of each window: draws of one window are not exchangeable with tomorrow's.
    std::vector<judge::ReplayWindow> windows;
    std::set<std::size_t> used;
    for (const Draw& draw : draws->all)
      if (used.insert(draw.window).second) windows.push_back(draw.replay);
    auto made = judge::calibrate(plan, windows, format_time(request.start).substr(0, 10) + " to " + format_time(request.end).substr(0, 10));
    if (!made) return fail("--calibrate", made.error());
    calibration = *std::move(made);
    judge::TrialPlan with = plan;
    with.calibration = *calibration;
    auto again = tally(with, draws->all, still);
    if (!again) return Unexpected(again.error());
    calibrated = *std::move(again);
  }

  if (flags.json) {
    ordered_json root{{"start", format_time(request.start)}, {"end", format_time(request.end)},
                      {"window", format_duration(*window)},  {"skipped", draws->skipped.size()},
                      {"falseRollback", plan.alpha},         {"replay", as_json(*found, draws->windows)}};
    ordered_json list = ordered_json::array();
    for (const auto& [draw, outcome] : alarms)
      list.push_back({{"time", format_time(draw->from)},
                      {"tick", outcome.ticks},
                      {"canary", draw->canary},
                      {"pods", draw->pods},
                      {"sentence", outcome.verdict.sentence}});
    root["alarms"] = std::move(list);
    if (calibration) {
      ordered_json slos = ordered_json::array();
      for (std::size_t i = 0; i < calibration->slos.size(); ++i)
        slos.push_back({{"name", plan.slos[i].name},
                        {"phi", calibration->slos[i].phi},
                        {"usable", calibration->slos[i].usable},
                        {"podSpread", calibration->slos[i].pod_spread}});
      root["calibration"] = {
          {"windows", calibration->windows}, {"kappa", calibration->kappa}, {"bound", calibration->bound()}, {"slos", std::move(slos)}};
      root["calibrated"] = as_json(*calibrated, draws->windows);
    }
    world.out << root.dump(-1, ' ', true, ordered_json::error_handler_t::replace) << '\n';
    return {};
  }
  const Draw& first = draws->all.front();
  world.out << wrapped("Baseline against baseline: " + std::to_string(draws->windows) + " windows of " + format_duration(*window) +
                           " from " + format_time(request.start) + " to " + format_time(request.end) + ", " +
                           std::to_string(draws->all.size()) + " draws of pods counted as a canary (" +
                           std::to_string(first.canary.size()) + " of " + std::to_string(first.pods) +
                           " in the first). Nothing was wrong with any of them.",
                       world.width, 0);
  world.out << '\n' << wrapped(as_words(*found, draws->windows, plan), world.width, 0);
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < std::min(alarms.size(), kShown); ++i) {
    const auto& [draw, outcome] = alarms[i];
    world.out << '\n'
              << wrapped(format_time(draw->from) + ", tick " + std::to_string(outcome.ticks) + ", canary " + pods_words(*draw), world.width,
                         0)
              << wrapped(outcome.verdict.sentence, world.width, 2);
  }
  if (alarms.size() > kShown) world.out << "\n(" << alarms.size() - kShown << " more; --json shows all)\n";
  if (calibration) {
    std::string text =
        "Calibrated on the first draw of each of " + std::to_string(calibration->windows) + " windows: evidence is divided by";
    for (std::size_t i = 0; i < calibration->slos.size(); ++i) {
      const judge::SloCalibration& slo = calibration->slos[i];
      text += (i > 0 ? ", " : " ") +
              (slo.usable ? number(slo.phi * calibration->kappa) : std::string("(no number is enough, it may only hold)")) + " for " +
              plan.slos[i].name;
    }
    text += ". If today is like those days, a false rollback has probability " + format_percent(calibration->bound(), 1) +
            " at most, whatever requests depend on.";
    world.out << '\n'
              << wrapped(text, world.width, 0) << wrapped("With it: " + as_words(*calibrated, draws->windows, plan), world.width, 0);
  }
  return {};
}

}  // namespace

Expected<void> replay(const ReplayFlags& flags, const World& world) {
  auto plan = plan_of(flags.limits);
  if (!plan) return Unexpected(plan.error());
  plan->max_ticks = flags.max_ticks;
  auto slos = slos_of(flags.limits.slos);
  if (!slos) return Unexpected(slos.error());
  if (flags.prometheus.empty()) {
    for (const auto& [flag, given] : {std::pair{"--selector", !flags.selector.empty()},
                                      {"--canary-selector", !flags.canary_selector.empty()},
                                      {"--start", !flags.start.empty()},
                                      {"--end", !flags.end.empty()},
                                      {"--calibrate", flags.calibrate}})
      if (given) return fail(Error::Kind::Invalid, std::string(flag) + " is only for --from-prometheus: add its address");
    return replay_lines(flags, *std::move(plan), *slos, world);
  }
  if (flags.file != "-") return fail(Error::Kind::Invalid, "a file and --from-prometheus are both given: give one of them");
  for (const auto& [flag, text] : {std::pair{"--selector", &flags.selector}, {"--start", &flags.start}, {"--end", &flags.end}})
    if (text->empty())
      return fail(Error::Kind::Invalid, std::string(flag) + " is missing: --from-prometheus needs --selector, --start and --end");
  if (slos->empty()) slos->push_back(*parse_slo_option("errors"));
  for (const SloOption& slo : *slos) plan->slos.push_back(slo.plan);
  if (std::count_if(slos->begin(), slos->end(), [](const SloOption& slo) { return slo.is_distribution(); }) > 1)
    return fail(Error::Kind::Invalid, "two SLOs have a slowdown: replay one latency distribution at a time");
  const auto request = request_of(flags, *slos);
  if (!request) return Unexpected(request.error());
  const auto client = client_of(flags, world);
  if (!client) return Unexpected(client.error());
  if (!flags.canary_selector.empty()) {
    if (flags.calibrate) return fail(Error::Kind::Invalid, "--calibrate needs baseline against baseline: remove --canary-selector");
    return replay_two_sets(flags, *plan, *request, *client, world);
  }
  return replay_false_alarms(flags, *plan, *request, *client, world);
}

}  // namespace sluice::judge_tool
