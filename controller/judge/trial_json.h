// The state of a trial as text, for the status of an object: opaque to everybody else, bit for bit the same after reading.
//
// One JSON object with a version, the digest of the plan and rows of numbers per SLO (null = minus infinity): 1 to 2 KB per SLO
// with one question, 4 to 6 KB with seven latency bounds. A state of another version (1 and 2 bet with another prior), of another
// plan, or of a wrong shape is refused, never misread: the run then begins anew.
#pragma once

#include <string>
#include <string_view>

#include "common/core/error.h"
#include "controller/judge/trial.h"

namespace sluice::judge {

std::string to_json(const Trial& trial);

// Invalid: the state was written by another version or for another plan (start a new trial). Corrupt: it is not a state.
Expected<Trial> from_json(const Rules& rules, std::string_view text);
Expected<Trial> from_json(const TrialPlan& plan, std::string_view text);

}  // namespace sluice::judge
