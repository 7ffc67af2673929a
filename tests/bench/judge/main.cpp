// sluice-judge-bench: runs a grid and writes what came of it. hack/bench judge builds it, runs it and prints its tables.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "tests/bench/judge/bound.h"
#include "tests/bench/judge/campaign.h"
#include "tests/bench/judge/gates.h"
#include "tests/bench/judge/runner.h"

namespace {

using namespace sluice;
using namespace sluice::bench;
using nlohmann::json;

volatile std::sig_atomic_t interrupted = 0;

json share_json(const Outcome& outcome, double most) {
  const Share share = share_of(outcome);
  return {{"runs", share.runs}, {"fired", share.fired}, {"rate", share.rate}, {"low", share.low}, {"high", share.high}, {"allowed", most}};
}

json delay_json(const Cell& cell, const Outcome& outcome) {
  const Delay delay = delay_of(cell, outcome);
  const auto runs = static_cast<double>(outcome.runs);
  return {{"runs", outcome.runs},
          {"early", outcome.early},
          {"found", delay.found},
          {"ratio", delay.ratio},
          {"ratioError", delay.ratio_error},
          {"medianTicks", quantile(outcome, 0.5)},  // 0: never
          {"p95Ticks", quantile(outcome, 0.95)},
          {"excess", runs > 0 ? outcome.excess / runs : 0}};
}

json summary_json(const DelaySummary& s) {
  return {{"cells", s.cells},
          {"mean", s.mean},
          {"geometricMean", s.geometric_mean},
          {"worst", s.worst},
          {"worstCell", s.worst_cell},
          {"aboveMean", s.above_mean},
          {"aboveWorst", s.above_worst},
          {"missed", s.missed}};
}

json report(const std::vector<Cell>& cells, const Results& results) {
  json all = json::array();
  std::vector<std::pair<Cell, Delay>> calibrated, uncalibrated;
  for (const Cell& cell : cells) {
    const Tally tally = results.tally(cell.name());
    if (tally.empty()) continue;
    json entry{{"cell", cell.name()},
               {"question", std::string(name(cell.question))},
               {"model", std::string(name(cell.scenario.model))},
               {"words", std::string(words(cell.scenario.model))},
               {"independent", independent(cell.scenario.model)},
               {"rps", cell.scenario.rps},
               {"base", cell.scenario.base},
               {"weight", cell.scenario.weight},
               {"ratio", cell.ratio},
               {"onset", cell.scenario.onset}};
    json judges = json::object();
    for (const auto& [contender, outcome] : tally) {
      const bool is_calibrated = contender == kCalibrated;
      const bool ours = is_calibrated || contender == kUncalibrated;
      judges[contender] = cell.question == Cell::Question::Detection ? delay_json(cell, outcome)
                                                                     : share_json(outcome, ours ? allowed(cell, is_calibrated) : 1);
      if (is_calibrated) {
        judges[contender]["phi"] = outcome.phi / static_cast<double>(outcome.runs);
        judges[contender]["unusable"] = outcome.unusable;
      }
    }
    if (cell.question == Cell::Question::Detection) {
      const Delay delay = delay_of(cell, tally.at(kCalibrated));
      entry["boundTicks"] = delay.bound;
      entry["gated"] = delay.gated;
      calibrated.emplace_back(cell, delay);
      uncalibrated.emplace_back(cell, delay_of(cell, tally.at(kUncalibrated)));
    }
    entry["judges"] = judges;
    all.push_back(entry);
  }
  return {{"cells", all},
          {"delay", {{kCalibrated, summary_json(summary(calibrated))}, {kUncalibrated, summary_json(summary(uncalibrated))}}}};
}

}  // namespace

int main(int argc, char** argv) {
  Campaign campaign;
  std::string file, out, only;
  bool quick = false;
  double minutes = 0;
  CLI::App app("Measures the judge of Sluice on simulated traffic, and others beside it");
  app.add_flag("--quick", quick, "the small grid that every change is tested with");
  app.add_option("--results", file, "file to append to and to go on from (default: none)");
  app.add_option("--out", out, "file for the summary (default: standard output)");
  app.add_option("--minutes", minutes, "stop after so many (default: when all is done)");
  app.add_option("--seed", campaign.seed, "of all random numbers")->capture_default_str();
  app.add_option("--runs", campaign.false_rollbacks, "per cell of false rollbacks")->capture_default_str();
  app.add_option("--detections", campaign.detections, "runs per cell of detection")->capture_default_str();
  app.add_option("--promotions", campaign.false_promotions, "runs per cell of false promotions")->capture_default_str();
  app.add_option("--chunk", campaign.chunk, "runs per line of results")->capture_default_str();
  app.add_option("--replays", campaign.replays, "replays that calibrations are drawn from, where they matter")->capture_default_str();
  app.add_option("--threads", campaign.threads, "working beside each other")->capture_default_str();
  app.add_option("--only", only, "cells whose name contains this");
  CLI11_PARSE(app, argc, argv);

  std::vector<Cell> cells = quick ? quick_grid() : full_grid();
  std::erase_if(cells, [&](const Cell& cell) { return cell.name().find(only) == std::string::npos; });
  auto results = Results::open(file, campaign.seed);
  if (!results) {
    std::fprintf(stderr, "sluice-judge-bench: %s\n", to_string(results.error()).c_str());
    return 2;
  }
  for (const int sign : {SIGINT, SIGTERM, SIGHUP}) std::signal(sign, [](int) { interrupted = 1; });
  const std::time_t begun = std::time(nullptr);
  std::stop_source stop;
  const auto progress = [&](long done, long all) {
    const double spent = std::difftime(std::time(nullptr), begun);
    if (done % 20 == 0 || done == all) std::fprintf(stderr, "%ld of %ld chunks, %.0f s\n", done, all, spent);
    if (interrupted != 0 || (minutes > 0 && spent > 60 * minutes)) stop.request_stop();
  };
  if (const auto done = run(campaign, cells, **results, stop.get_token(), progress); !done) {
    std::fprintf(stderr, "sluice-judge-bench: %s\n", to_string(done.error()).c_str());
    return 2;
  }
  json summary = report(cells, **results);
  summary["seed"] = campaign.seed;
  summary["grid"] = quick ? "quick" : "full";
  summary["complete"] = !stop.stop_requested();
  summary["seconds"] = std::difftime(std::time(nullptr), begun);
  std::FILE* to = out.empty() ? stdout : std::fopen(out.c_str(), "w");
  if (to == nullptr) {
    std::fprintf(stderr, "sluice-judge-bench: cannot write to %s\n", out.c_str());
    return 2;
  }
  std::fprintf(to, "%s\n", summary.dump(1).c_str());
  if (to != stdout) std::fclose(to);
  return 0;
}
