// Where a tenant wants its messages delivered, and who the tenant is. Pure values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sample-service/domain/message.h"
#include "sample-service/domain/signing_secrets.h"

namespace courier {

enum class EndpointState {
  Active,    // gets new messages, and they are delivered
  Paused,    // gets new messages, which wait until it is active again
  Disabled,  // gets no new messages; what waits stays where it is
};
std::string_view name(EndpointState state);
// "active", "paused", "disabled"; Invalid names the text.
Expected<EndpointState> parse_endpoint_state(std::string_view text);

struct Endpoint {
  std::string id{};  // UUID version 7
  std::string tenant{};
  std::string url{};                  // absolute
  std::string secret{};               // signs deliveries (signature.h); empty: they are not signed. Never answered or logged.
  std::vector<std::string> topics{};  // is sent messages of these only; empty: of every topic
  EndpointState state = EndpointState::Active;
  int max_inflight = 4;   // deliveries at a time, over all workers; at least 1
  long long version = 1;  // grows by one with each change: the ETag
  Time created{};
  Time updated{};
  std::vector<OldSecret> old_secrets{};  // that may still sign beside `secret`, newest first. Never answered or logged.
};

// Topics are 1 to 64 of [A-Za-z0-9._-]: they are compared as they are. Invalid names the topic.
Expected<void> check_topic(std::string_view topic);

// The tenant of a courier that knows no others; exists from the first migration on.
inline constexpr std::string_view kDefaultTenant = "default";

struct Tenant {
  std::string id{};  // 1 to 64 of [a-z0-9-]
  std::string name{};
  Time created{};
};
// Invalid names the id.
Expected<void> check_tenant_id(std::string_view id);

// A key is known by its digest only; it is random and long, so one SHA-256 is enough.
struct ApiKey {
  std::string id{};  // what people call it: shown, logged, revoked by
  std::string tenant{};
  std::string digest{};  // hash_api_key()
  Time created{};
};
std::string hash_api_key(std::string_view key);

// How an endpoint does, as of `refreshed`.
struct EndpointStats {
  long long pending = 0;
  long long delivered = 0;
  long long dead = 0;
  long long attempts = 0;  // of all of them
  Time refreshed{};
};

}  // namespace courier
