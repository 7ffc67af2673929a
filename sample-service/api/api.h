// What the data port answers. Cheap routes answer on the loop that asked; what needs the store goes through StoreCalls.
// Requests come through the Edge (edge.h), which has matched their route, checked their token and set their deadline.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/core/clock.h"
#include "common/http/server.h"
#include "common/telemetry/metrics.h"
#include "sample-service/api/meter.h"
#include "sample-service/cache/l2.h"
#include "sample-service/domain/message.h"
#include "sample-service/store/executor.h"
#include "sample-service/store/store.h"
#include "sample-service/telemetry/span.h"
#include "sample-service/trust/address_guard.h"
#include "sample-service/trust/token.h"

namespace courier {

struct Identity {
  std::string version = "dev";
  std::string pod = "local";
};

struct CacheOptions {
  std::size_t bytes = 0;  // of this process; 0: none
  Duration ttl{1'600};    // of what changes; with its jitter (L1::kJitter) less than 2 s
  L2* l2 = nullptr;       // of delivered messages; null: none
};

struct ApiParts {
  Identity identity;
  EndpointPolicy endpoints;
  AddressPolicy addresses;
  std::string admin_key;  // may make tenants and keys; empty: nobody may
  const TokenRing& tokens;
  Store& store;
  Executor& executor;
  const sluice::Clock& clock;
  Random random;
  sluice::metrics::Registry& metrics;
  Meter& meter;
  std::function<void(const std::string& id)> stored = nullptr;  // a new message waits; on the executor's thread
  std::function<void(Duration waited)> begun = nullptr;         // StoreCalls' on_begin
  CacheOptions cache{};
  SpanSink* spans = nullptr;  // null: nothing is traced
};

struct ApiContext;

// Must outlive the server that calls the handler, and the executor with everything that waits in it; what is in `parts`
// must be there as long as either.
class Api {
 public:
  explicit Api(ApiParts parts);
  ~Api();

  sluice::http::Handler handler();

 private:
  std::unique_ptr<ApiContext> context_;
  std::string about_;
};

// The document of GET /openapi.json.
const std::string& openapi_document();

}  // namespace courier
