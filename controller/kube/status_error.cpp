#include "controller/kube/status_error.h"

#include <algorithm>
#include <charconv>

#include "controller/kube/object.h"

namespace sluice::kube {
namespace {

constexpr long long kMaxRetryAfterSeconds = 3600;

std::string text(const Json& object, std::string_view key) {
  const Json& value = at(object, {key});
  return value.is_string() ? value.get<std::string>() : std::string();
}

long long integer(const Json& value) {
  if (!value.is_number_integer()) return 0;
  return value.is_number_unsigned() ? static_cast<long long>(std::min<std::uint64_t>(value.get<std::uint64_t>(), 1'000'000))
                                    : value.get<std::int64_t>();
}

std::chrono::milliseconds delay(long long seconds) {
  return std::chrono::milliseconds(1000 * std::clamp(seconds, 0LL, kMaxRetryAfterSeconds));
}

Error::Kind kind_of(int code, const std::string& reason) {
  using enum Error::Kind;
  switch (code) {
    case 401:
    case 403: return Forbidden;
    case 404: return NotFound;
    case 409: return reason == "AlreadyExists" ? Exists : Conflict;
    case 410: return Expired;
    case 408:
    case 429: return Unavailable;
    default: break;
  }
  if (code >= 400 && code < 500) return Invalid;
  return Unavailable;  // 5xx, and redirects, which the API server itself never sends
}

}  // namespace

Error error_of_status(const Json& status, int http_status, const std::string& what) {
  const bool is_status = text(status, "kind") == "Status";
  const std::string reason = is_status ? text(status, "reason") : "";
  std::string message = is_status ? text(status, "message") : "";
  const int code = http_status != 0 ? http_status : static_cast<int>(std::clamp(integer(at(status, {"code"})), 0LL, 599LL));
  Error error;
  error.kind = reason == "Expired" || reason == "Gone" ? Error::Kind::Expired : kind_of(code, reason);
  error.http_status = code;
  if (message.empty()) message = is_status && !reason.empty() ? reason : "the server gave no reason";
  error.message = what + ": " + message.substr(0, 2000);
  error.retry_after = delay(integer(at(status, {"details", "retryAfterSeconds"})));
  return error;
}

Error error_of_response(const http::Response& response, const std::string& what) {
  const auto json = parse_json(response.body);
  Error error = error_of_status(json ? *json : Json(), response.status, what);
  if (!json && !response.body.empty()) error.message += " (\"" + response.body.substr(0, 200) + "\")";
  if (response.status == 401) error.message += "; the server does not accept our credentials";
  if (const auto header = response.headers.find("Retry-After"); header != response.headers.end()) {
    long long seconds = 0;
    const std::string& value = header->second;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (failed == std::errc() && end == value.data() + value.size()) error.retry_after = delay(seconds);
  }
  return error;
}

bool is_failed_patch_test(const http::Response& response, const Json& patch) {
  if (response.status != 422 || !patch.is_array()) return false;
  bool tests = false;
  for (const Json& operation : patch) tests = tests || text(operation, "op") == "test";
  const auto json = parse_json(response.body);
  if (!tests || !json) return false;
  const Json& causes = at(*json, {"details", "causes"});
  if (causes.is_array() && !causes.empty()) return text(*json, "message").find("test failed") != std::string::npos;
  return true;
}

}  // namespace sluice::kube
