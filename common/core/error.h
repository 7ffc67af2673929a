// What every boundary of the program returns: Expected<T>, a value or an Error.
//
// An Error says which step failed (kind), a sentence for people that names the object, the field and the value and says
// what to do, and for answers of servers the HTTP status and how long to wait. Exceptions do not cross a folder.
// Values; thread-safe as values are.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sluice {

struct Error {
  enum class Kind {
    Invalid,      // the input can never be right: do not retry, tell the user
    NotFound,     // the object does not exist
    Exists,       // the object exists already
    Conflict,     // a precondition (resourceVersion, JSON-patch test) did not hold: read again and decide again
    Forbidden,    // not allowed (RBAC, quota, admission policy): tell the user, retry slowly
    Expired,      // 410: the list or watch position is gone: list again
    Unavailable,  // no connection, time-out, 5xx, 429: retry later
    Cancelled,    // we asked it to stop
    Corrupt,      // the answer could not be understood (torn, too large, not JSON)
    Internal,     // a broken invariant of our own
  };
  Kind kind = Kind::Internal;
  std::string message;
  int http_status = 0;                       // 0: no answer from a server
  std::chrono::milliseconds retry_after{0};  // the server's Retry-After; 0: none given

  bool is(Kind k) const { return kind == k; }
};

// CamelCase name of the kind, e.g. "NotFound".
std::string_view name(Error::Kind kind);

// "NotFound: deployment shop/web: not found (HTTP 404)"
std::string to_string(const Error& error);

template <typename T>
using Expected = tl::expected<T, Error>;

using Unexpected = tl::unexpected<Error>;

inline Unexpected fail(Error::Kind kind, std::string message) { return Unexpected(Error{kind, std::move(message), 0, {}}); }

// The same error with "step: " put before its message, so that the chain of steps can be read.
inline Unexpected fail(std::string_view step, Error error) {
  error.message = std::string(step) + ": " + error.message;
  return Unexpected(std::move(error));
}

}  // namespace sluice
