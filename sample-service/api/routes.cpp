#include "sample-service/api/routes.h"

#include <algorithm>
#include <set>

namespace courier {
namespace {

constexpr std::array kRoutes = {
    Route{Operation::Index, "GET", "/"},
    Route{Operation::Version, "GET", "/version"},
    Route{Operation::Echo, "POST", "/echo"},
    Route{Operation::OpenApi, "GET", "/openapi.json"},
    Route{Operation::PostMessage, "POST", "/v1/messages", RouteClass::Intake, "messages:write"},
    Route{Operation::ListMessages, "GET", "/v1/messages", RouteClass::Read, "messages:read"},
    Route{Operation::GetMessage, "GET", "/v1/messages/{id}", RouteClass::Read, "messages:read"},
    Route{Operation::ReplayMessage, "POST", "/v1/messages/{id}/replay", RouteClass::Change, "messages:write"},
    Route{Operation::ListDeadLetters, "GET", "/v1/dead-letters", RouteClass::Read, "messages:read"},
    Route{Operation::CreateEndpoint, "POST", "/v1/endpoints", RouteClass::Change, "endpoints:write"},
    Route{Operation::ListEndpoints, "GET", "/v1/endpoints", RouteClass::Read, "endpoints:read"},
    Route{Operation::GetEndpoint, "GET", "/v1/endpoints/{id}", RouteClass::Read, "endpoints:read"},
    Route{Operation::PatchEndpoint, "PATCH", "/v1/endpoints/{id}", RouteClass::Change, "endpoints:write"},
    Route{Operation::DeleteEndpoint, "DELETE", "/v1/endpoints/{id}", RouteClass::Change, "endpoints:write"},
    Route{Operation::RotateSecret, "POST", "/v1/endpoints/{id}/rotate-secret", RouteClass::Change, "endpoints:write"},
    Route{Operation::GetEndpointStats, "GET", "/v1/endpoints/{id}/stats", RouteClass::Read, "endpoints:read"},
    // Proves itself with an API key, which the handler looks up.
    Route{Operation::PostToken, "POST", "/v1/tokens", RouteClass::Change},
    Route{Operation::CreateTenant, "POST", "/v1/tenants", RouteClass::Change, "tenants:write"},
    Route{Operation::ListKeys, "GET", "/v1/tenants/{tenant}/keys", RouteClass::Read, "tenants:write"},
    Route{Operation::CreateKey, "POST", "/v1/tenants/{tenant}/keys", RouteClass::Change, "tenants:write"},
    Route{Operation::RevokeKey, "DELETE", "/v1/tenants/{tenant}/keys/{key}", RouteClass::Change, "tenants:write"},
};

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

// Takes what is before the next '/'.
std::string_view segment(std::string_view& rest) {
  const auto end = std::min(rest.find('/'), rest.size());
  const auto taken = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + 1));
  return taken;
}

bool fits(std::string_view pattern, std::string_view path, std::array<std::string, 2>& ids) {
  if (std::count(pattern.begin(), pattern.end(), '/') != std::count(path.begin(), path.end(), '/')) return false;
  std::size_t found = 0;
  while (!pattern.empty() || !path.empty()) {
    const auto wanted = segment(pattern);
    const auto given = segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != given) return false;
    } else {
      if (!is_id(given)) return false;
      ids[found++] = given;
    }
  }
  return true;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Matched match(std::string_view method, std::string_view path) {
  Matched matched;
  std::set<std::string_view> allowed;
  for (const Route& route : kRoutes) {
    // Usually the same pattern as the last one, so its ids are there already.
    if (route.pattern != matched.pattern && !fits(route.pattern, path, matched.ids)) continue;
    matched.pattern = route.pattern;
    allowed.insert(route.method);
    if (route.method == method || (method == "HEAD" && route.method == "GET")) {
      matched.route = &route;
      return matched;
    }
  }
  if (allowed.contains("GET")) allowed.insert("HEAD");
  for (const std::string_view one : allowed) matched.allowed += (matched.allowed.empty() ? "" : ", ") + std::string(one);
  return matched;
}

}  // namespace courier
