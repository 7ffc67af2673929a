// What was measured as JSON: times in milliseconds, rates per second.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/bench/courier/commits.h"
#include "tests/bench/courier/load.h"

namespace courier::bench {

nlohmann::json to_json(const Histogram& histogram);  // count, p50, p99, p999, max
nlohmann::json to_json(const LoadResult& result);
nlohmann::json to_json(const Commits& commits);

}  // namespace courier::bench
