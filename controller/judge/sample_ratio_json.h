// The state of the sample-ratio check as text, for the status of an object: opaque to everybody else, bit for bit the same after
// reading. About 1 KB.
#pragma once

#include <string>
#include <string_view>

#include "common/core/error.h"
#include "controller/judge/sample_ratio.h"

namespace sluice::judge {

std::string to_json(const SampleRatio& state);

// Invalid: written by another version. Corrupt: it is not a state. Either way begin with an empty one: only the evidence is lost.
Expected<SampleRatio> sample_ratio_from_json(std::string_view text);

}  // namespace sluice::judge
