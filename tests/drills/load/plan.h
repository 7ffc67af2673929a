// What a load is to do, as the runner says it (tests/drills/drill.py, "load").
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/core/error.h"
#include "tests/drills/load/times.h"

namespace courier::drills {

struct Plan {
  std::string name{};  // its keys begin with it
  Time begin{};
  double rate = 1;  // requests a second
  Nanoseconds length{0};
  double writes = 0;           // share of all
  bool reads_messages = true;  // those that were acknowledged; false: only what needs no database
  Nanoseconds deadline{0};
  unsigned tries = 1;  // of each request
  bool budgeted = true;
  double repeats = 0;    // share of the writes that repeat one that was acknowledged
  double elsewhere = 0;  // share of the writes to that URL
  std::string elsewhere_url{};
  std::string token{};     // empty: none
  std::string requests{};  // file that a line for each request is written to
};

// Invalid: something is missing, of another type, or out of range.
sluice::Expected<Plan> parse_plan(const nlohmann::json& text);

}  // namespace courier::drills
