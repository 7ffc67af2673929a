// The process around a Service: environment, logs, signals.
#pragma once

#include "sample-service/service/service.h"

namespace courier {

// Serves until SIGTERM or SIGINT, drains, and returns the exit code; a second signal ends it at once.
int run(const Environment& environment, Extras extras, Random random);

// A generator seeded by the system, safe to call from several threads.
Random system_random();

}  // namespace courier
