// JSON as it crosses the API: nlohmann::json with sorted keys, so that dump() is canonical and a digest of it is stable.
#pragma once

#include <nlohmann/json.hpp>

namespace sluice::kube {
using Json = nlohmann::json;
}
