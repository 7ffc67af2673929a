// Percentages and "number or percentage", as they are written in manifests ("5%", "0.05%", 3).
#pragma once

#include <string>
#include <string_view>

#include "common/core/error.h"

namespace sluice {

// "12.5%" -> 0.125. Needs the sign, a finite number, 0..100; otherwise Invalid, naming the text.
Expected<double> parse_percent(std::string_view text);

// 0.125 -> "12.5%", at most `digits` digits after the point and no trailing zeros.
std::string format_percent(double share, int digits = 3);

// ceil(share * of) of a percentage such as "25%"; of a plain number, that number. For replica counts.
Expected<int> scaled_count(std::string_view number_or_percent, int of);

}  // namespace sluice
