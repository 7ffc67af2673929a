// A plan as text: for the status of an object, so that a run keeps the bounds and the calibration it was begun with, and for files.
//
// One JSON object; keys are the fields' names in camelCase, kinds CamelCase; what is left out has its default, a key that is not
// known is refused. Numbers come back bit for bit.
#pragma once

#include <string>
#include <string_view>

#include "common/core/error.h"
#include "controller/judge/plan.h"

namespace sluice::judge {

std::string to_json(const TrialPlan& plan);

// Invalid, naming the field: it is not such an object, or check() refuses the plan.
Expected<TrialPlan> plan_from_json(std::string_view text);

}  // namespace sluice::judge
