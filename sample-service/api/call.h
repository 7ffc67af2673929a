// What is known of a request once its head was admitted: travels with it as IncomingRequest::context.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "common/http/server.h"
#include "common/http/trace_context.h"
#include "sample-service/admission/byte_budget.h"
#include "sample-service/admission/concurrency_limit.h"
#include "sample-service/admission/request_deadline.h"
#include "sample-service/api/routes.h"
#include "sample-service/telemetry/stopwatch.h"

namespace courier {

struct Call {
  const Route* route = nullptr;  // never null
  std::array<std::string, 2> ids{};
  std::string tenant{};
  RequestDeadline deadline{};
  std::string request_id{};
  sluice::http::TraceContext trace{};
  std::string parent_span{};          // the client's; empty: the trace begins here
  Stopwatch watch{};                  // runs from the head's arrival
  ConcurrencyLimit* limit = nullptr;  // never null
  std::optional<ByteBudget::Share> body{};
};
using CallPtr = std::shared_ptr<const Call>;

inline CallPtr call_of(const sluice::http::IncomingRequest& in) { return std::static_pointer_cast<const Call>(in.context); }

}  // namespace courier
