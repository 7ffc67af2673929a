// Errors of the API as RFC 9457 problem+json.
#pragma once

#include <string>

#include "common/core/error.h"
#include "common/http/transport.h"

namespace courier {

// detail: a sentence for people; retry_after in seconds, 0: none.
sluice::http::Response problem(int status, const std::string& detail, int retry_after = 0);

// The answer to a failed operation of the store or of parsing: Invalid 400, NotFound 404, Exists (an idempotency key that
// was used for another request) 422, Conflict (try again) 409, Unavailable 503. A precondition's 412 is its route's business.
sluice::http::Response problem(const sluice::Error& error);

}  // namespace courier
