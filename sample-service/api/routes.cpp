#include "sample-service/api/routes.h"

#include <algorithm>

namespace courier {
namespace {

constexpr std::string_view kMessages = "/v1/messages";

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

}  // namespace

Matched match(std::string_view path) {
  if (path == "/") return {Route::Index, "/"};
  if (path == "/version") return {Route::Version, "/version"};
  if (path == "/echo") return {Route::Echo, "/echo"};
  if (path == kMessages) return {Route::Messages, kMessages};
  if (path.starts_with("/v1/messages/") && is_id(path.substr(kMessages.size() + 1))) {
    return {Route::Message, "/v1/messages/{id}", std::string(path.substr(kMessages.size() + 1))};
  }
  return {};
}

std::string_view allowed_methods(Route route) {
  switch (route) {
    case Route::Index:
    case Route::Version:
    case Route::Message: return "GET, HEAD";
    case Route::Echo:
    case Route::Messages: return "POST";
    case Route::Unknown: return "";
  }
  return "";
}

bool allows(Route route, std::string_view method) {
  const std::string_view allowed = allowed_methods(route);
  if (allowed == "POST") return method == "POST";
  return !allowed.empty() && (method == "GET" || method == "HEAD");
}

}  // namespace courier
