// What the data port answers. Cheap routes answer on the loop that asked; what needs the store goes through the executor,
// and when its queue is full the answer is 503 with Retry-After, at once.
#pragma once

#include <functional>
#include <string>

#include "common/core/clock.h"
#include "common/http/server.h"
#include "common/telemetry/metrics.h"
#include "sample-service/domain/message.h"
#include "sample-service/store/executor.h"
#include "sample-service/store/store.h"

namespace courier {

struct Identity {
  std::string version = "dev";
  std::string pod = "local";
};

struct ApiParts {
  Identity identity;
  EndpointPolicy endpoints;
  Store& store;
  Executor& executor;
  const sluice::Clock& clock;
  Random random;
  sluice::metrics::Registry& metrics;
  std::function<void()> stored = nullptr;  // a new message waits
};

// Everything in `parts` must outlive the server that calls the handler.
sluice::http::Handler make_api(ApiParts parts);

}  // namespace courier
