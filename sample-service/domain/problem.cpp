#include "sample-service/domain/problem.h"

#include <nlohmann/json.hpp>

#include "common/http/answer_text.h"

namespace courier {
namespace {

// In whole seconds, rounded up.
int wait_of(const sluice::Error& error, int otherwise) {
  return error.retry_after.count() > 0 ? static_cast<int>((error.retry_after.count() + 999) / 1000) : otherwise;
}

}  // namespace

sluice::http::Response problem(int status, const std::string& detail, int retry_after) {
  using Json = nlohmann::ordered_json;
  const Json json{{"type", "about:blank"}, {"title", sluice::http::reason_phrase(status)}, {"status", status}, {"detail", detail}};
  sluice::http::Response response{
      status, {{"Content-Type", "application/problem+json"}}, json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
  if (retry_after > 0) response.headers["Retry-After"] = std::to_string(retry_after);
  return response;
}

sluice::http::Response problem(const sluice::Error& error) {
  using Kind = sluice::Error::Kind;
  switch (error.kind) {
    case Kind::Invalid: return problem(400, error.message);
    case Kind::NotFound: return problem(404, error.message);
    case Kind::Exists: return problem(422, error.message);
    case Kind::Conflict: return problem(409, error.message, wait_of(error, 0));
    case Kind::Unavailable: return problem(503, error.message, wait_of(error, 1));
    default: return problem(500, error.message);
  }
}

}  // namespace courier
