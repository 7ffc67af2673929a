// What is written after --slo: "errors", "latency:slowdown=5%", "errors:relative=10%,absolute=0.01%,objective=99.9%",
// "latency:threshold=250ms". Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "common/core/time.h"
#include "controller/judge/trial.h"

namespace sluice::judge_tool {

struct SloOption {
  judge::SloPlan plan;                // of a distribution without bounds: they are chosen from data
  std::optional<Duration> threshold;  // of a latency SLO

  bool is_distribution() const { return plan.kind == judge::SloPlan::Kind::LatencyDistribution; }
};

inline constexpr const char* kSloOptionHelp =
    "NAME[:KEY=VALUE,...]; keys: relative (10%) and absolute (0.01%), what is tolerated beyond the baseline; objective (99.9%); "
    "threshold (250ms): slower is bad; slowdown (5%): the whole latency distribution, so much slower is tolerated; weight (1; 0 is shown "
    "and never decides)";

// Invalid: names the key, the value and what it may be.
Expected<SloOption> parse_slo_option(std::string_view text);

}  // namespace sluice::judge_tool
