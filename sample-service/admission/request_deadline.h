// How long the client of a request still waits. It travels as a length of time, not as an instant, because clocks differ:
// X-Request-Timeout-Ms, or Envoy's x-envoy-expected-rq-timeout-ms. Pure; instants are of a monotonic clock.
#pragma once

#include <algorithm>

#include "common/core/error.h"
#include "common/core/time.h"
#include "common/http/transport.h"

namespace courier {

using sluice::Duration;
using sluice::Expected;

struct DeadlinePolicy {
  Duration standard{1'000};  // when the client says nothing
  Duration longest{10'000};  // what a client may ask for is cut to this
};

// Invalid: a header that is not a whole number of milliseconds from 1 on. Where both headers stand, the shorter wait holds.
Expected<Duration> requested_timeout(const sluice::http::Headers& headers, const DeadlinePolicy& policy);

struct RequestDeadline {
  Duration begin{0};  // when the head of the request had arrived
  Duration timeout{1'000};

  Duration end() const { return begin + timeout; }
  Duration left(Duration now) const { return std::max(Duration(0), end() - now); }
  bool expired(Duration now) const { return now >= end(); }
  // Work that stood in a line since `since` for more than half of the time would mostly be done for nobody: it makes room
  // for what is fresh.
  bool waited_too_long(Duration since, Duration now) const { return now - since > timeout / 2; }
  // One try may take half of what is left, so that a second one still fits.
  Duration per_try(Duration now) const { return left(now) / 2; }
};

}  // namespace courier
