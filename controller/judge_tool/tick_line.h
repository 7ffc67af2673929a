// One line of recorded ticks: what one arm had of one SLO in one tick.
//
//   {"time":"2026-11-23T12:00:15Z","arm":"canary","slo":"errors","requests":75,"bad":1}
//   {"time":1795435215,"arm":"baseline","slo":"latency","requests":675,"buckets":{"0.1":600,"0.25":671,"+Inf":675}}
//   {"time":"2026-11-23T12:00:30Z","arm":"canary","slo":"errors","requests":null}
//
// `time` is the tick's end, RFC 3339 or Unix seconds. Counts are those of the tick, not running totals. Buckets are cumulative as
// in Prometheus (requests of at most so many seconds); "requests" may be left out where "+Inf" says it. null is no data.
// Errors name the field, the value and the cure; the caller adds file and line. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "common/core/time.h"
#include "controller/judge/counts.h"

namespace sluice::judge_tool {

struct TickLine {
  Time at;
  bool canary = false;
  std::string slo;
  bool no_data = false;
  double requests = 0;
  std::optional<double> bad;         // one of these two, unless there is no data
  std::map<double, double> buckets;  // finite bounds in seconds -> requests of at most that
};

Expected<TickLine> parse_tick_line(std::string_view text);

// A name that can be shown and typed: letters, digits, '-', '_' and '.', at most 63. Invalid otherwise.
Expected<std::string> checked_name(const std::string& name);

}  // namespace sluice::judge_tool
