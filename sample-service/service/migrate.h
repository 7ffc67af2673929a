// `courier migrate`: the schema by hand, for what a courier that starts does not do by itself.
#pragma once

#include <string>
#include <vector>

#include "sample-service/service/settings.h"

namespace courier {

// arguments: "status", "up" or "down" and a version. The database is that of COURIER_DATABASE. Writes what it did to
// standard output, errors to standard error; returns the exit code: 0, 1 (it failed) or 2 (wrong usage).
int migrate(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace courier
