// An answer as bytes: status line, headers, body. Pure.
#pragma once

#include <string>

#include "common/core/time.h"
#include "common/http/transport.h"

namespace sluice::http {

struct AnswerFraming {
  bool keep_alive = true;
  bool http_1_0 = false;   // says "keep-alive" explicitly
  bool head_only = false;  // answer to HEAD: the length of the body, but no body
};

// Sets Date, Content-Length and Connection itself; headers of these names are left out, as is Transfer-Encoding. A header
// that would break the framing (control characters, not a token) turns the answer into a 500 that says which one.
std::string to_wire(const Response& response, const AnswerFraming& framing, Time now);

// "Not Found"; "Unknown" for a status without a name.
std::string_view reason_phrase(int status);

}  // namespace sluice::http
