// The outlook as a picture: time until FAIL over the size of the regression, a line per weight. One self-contained SVG, no script.
#pragma once

#include <string>
#include <vector>

#include "controller/judge_tool/outlook.h"

namespace sluice::judge_tool {

// At most eight weights are drawn, the first ones.
std::string plot(const Situation& s, const std::vector<double>& weights);

}  // namespace sluice::judge_tool
