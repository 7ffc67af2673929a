// From what the API server says when it refuses (a Status object, or any HTTP answer) to an Error.
#pragma once

#include <string>
#include <string_view>

#include "common/http/transport.h"
#include "controller/kube/api.h"

namespace sluice::kube {

// `status` should be a Status object; anything else is an error of the kind that http_status stands for. http_status 0: the
// code inside the Status counts. `what` begins the message: "patch deployment shop/web".
Error error_of_status(const Json& status, int http_status, const std::string& what);

// The error of an answer that is not 2xx, with Retry-After (seconds or details.retryAfterSeconds) in retry_after.
Error error_of_response(const http::Response& response, const std::string& what);

// Does a 422 answer to a JSON patch mean that a test (or a path) of the patch did not hold? The API server drops the reason
// there and says only that "the server rejected our request"; a failed validation lists its causes instead.
bool is_failed_patch_test(const http::Response& response, const Json& patch);

}  // namespace sluice::kube
