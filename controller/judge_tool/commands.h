// The two commands behind the command line: flags as they were typed, and what they do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/judge/judge.h"
#include "controller/judge_tool/tool.h"

namespace sluice::judge_tool {

// What both commands judge by, as typed.
struct LimitFlags {
  std::vector<std::string> slos;
  std::string false_rollback = "1%", false_promotion = "5%", margin = "50%";
  double burn = 10, min_requests = 200;
  int min_ticks = 20;
};

struct ReplayFlags {
  LimitFlags limits;
  std::string file = "-";
  bool json = false, changes = false;
  int max_ticks = 480;
  // --from-prometheus
  std::string prometheus, selector, canary_selector, start, end, total, errors, histogram, pod_label = "pod", tick, window = "1h";
  std::string token_file;
  int draws = 4, canary_pods = 0;
  unsigned seed = 1;
  bool calibrate = false;
};

struct PlanFlags {
  LimitFlags limits;
  double rate = 0;
  std::optional<double> phi;
  std::vector<std::string> weights{"5%", "10%", "25%", "50%"};
  std::string base = "0.1%", buckets, max_duration = "2h", tick = "15s";
  std::vector<double> ratios{2, 5};
  std::string svg;
  bool json = false;
};

// The plan without SLOs. Invalid: names the flag, the value and the cure.
Expected<judge::TrialPlan> plan_of(const LimitFlags& flags);

Expected<void> replay(const ReplayFlags& flags, const World& world);
Expected<void> plan(const PlanFlags& flags, const World& world);

}  // namespace sluice::judge_tool
