// What the runs of a cell came to: sums that may be added up over chunks, and their JSON.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice::bench {

// One contender in one cell.
struct Outcome {
  long runs = 0;
  long fired = 0;    // rolled back; for FalsePromotion: proven good
  long early = 0;    // of these, before the harm began
  double spent = 0;  // sum of the information spent until then or the end, in units of ln(1/alpha); runs that fired early left out
  double spent_square = 0;
  double excess = 0;       // sum of the bad canary requests beyond the baseline's rate until then or the end
  double phi = 0;          // sum of what evidence was divided by (calibrated judge)
  long unusable = 0;       // runs whose calibration allowed no rollback
  std::map<int, long> at;  // tick (1, 2, ... since the harm began) -> runs that fired in it

  void add(const Outcome& other);
};

using Tally = std::map<std::string, Outcome>;  // by contender

void add(Tally& to, const Tally& from);

// Ticks by which `share` of all runs have fired; 0 if so many never do.
int quantile(const Outcome& outcome, double share);

nlohmann::json to_json(const Tally& tally);
Tally tally_from_json(const nlohmann::json& json);  // throws nlohmann::json::exception

}  // namespace sluice::bench
