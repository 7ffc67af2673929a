// What is written after --slo: "errors", "errors:relative=10%,absolute=0.01%,objective=99.9%", "latency:threshold=250ms".
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "common/core/time.h"
#include "controller/judge/trial.h"

namespace sluice::judge_tool {

struct SloOption {
  judge::SloPlan plan;
  std::optional<Duration> threshold;  // of a latency SLO
};

inline constexpr const char* kSloOptionHelp =
    "NAME[:KEY=VALUE,...]; keys: relative (10%) and absolute (0.01%), what is tolerated beyond the baseline; objective (99.9%); "
    "threshold (250ms): slower is bad; weight (1; 0 is shown and never decides)";

// Invalid: names the key, the value and what it may be.
Expected<SloOption> parse_slo_option(std::string_view text);

}  // namespace sluice::judge_tool
