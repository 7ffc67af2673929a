// How often would the judge have rolled back a canary that was no canary? Past windows in which some of the service's own pods
// are counted as if they were the canary and the others as the baseline.
//
// Nothing was wrong with any of them, so every Fail is a false one: the false-alarm rate on this very service, whatever its bursts
// and quirky pods. The same windows calibrate the judge (controller/judge/replay.h). Pods are drawn with a seed: same seed,
// same draws. Pure.
#pragma once

#include <string>
#include <vector>

#include "controller/judge/judge.h"
#include "controller/judge/replay.h"
#include "controller/judge_tool/history.h"

namespace sluice::judge_tool {

struct DrawOptions {
  Duration window = std::chrono::hours(1);
  int canary_pods = 0;  // 0: a tenth of the pods, at least one
  int draws = 4;        // per window
  unsigned seed = 1;
};

// One window in which `canary` were counted as the canary.
struct Draw {
  std::size_t window = 0;  // number of the window, from 0
  Time from;
  std::vector<std::string> canary;
  int pods = 0;  // of both arms
  judge::ReplayWindow replay;
};

struct Draws {
  std::vector<Draw> all;
  std::size_t windows = 0;           // that could be used
  std::vector<std::string> skipped;  // why others could not
};

// Pods that were scraped in nine of ten ticks of a window take part in it; with fewer than two, or without requests, the window is
// skipped. Invalid: the history is shorter than a window, or a window has fewer than 20 ticks.
Expected<Draws> draw(const History& history, const DrawOptions& options);

struct Outcome {
  bool failed = false, held = false, passed = false;
  judge::Verdict verdict;  // the last one
  int ticks = 0;           // judged until then
};

// Invalid: the plan.
Expected<Outcome> judged(const judge::TrialPlan& plan, const judge::ReplayWindow& window);

}  // namespace sluice::judge_tool
