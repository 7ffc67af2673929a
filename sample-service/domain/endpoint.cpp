#include "sample-service/domain/endpoint.h"

#include <algorithm>

#include "common/core/digest.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

bool is_small_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

std::string_view name(EndpointState state) {
  switch (state) {
    case EndpointState::Active: return "active";
    case EndpointState::Paused: return "paused";
    case EndpointState::Disabled: return "disabled";
  }
  return "disabled";
}

Expected<EndpointState> parse_endpoint_state(std::string_view text) {
  for (const auto state : {EndpointState::Active, EndpointState::Paused, EndpointState::Disabled}) {
    if (text == name(state)) return state;
  }
  return fail(Error::Kind::Invalid, "state: '" + std::string(text) + "' is not one of active, paused, disabled");
}

Expected<void> check_topic(std::string_view topic) {
  const bool fits = !topic.empty() && topic.size() <= 64 && std::all_of(topic.begin(), topic.end(), [](char c) {
    return is_small_letter_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
  });
  if (fits) return {};
  return fail(Error::Kind::Invalid, "topic: '" + std::string(topic) + "' is not 1 to 64 letters, digits, '.', '_' or '-'");
}

Expected<void> check_tenant_id(std::string_view id) {
  const bool fits =
      !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) { return is_small_letter_or_digit(c) || c == '-'; });
  if (fits) return {};
  return fail(Error::Kind::Invalid, "tenant: '" + std::string(id) + "' is not 1 to 64 small letters, digits or '-'");
}

std::string hash_api_key(std::string_view key) { return sluice::sha256_hex(key); }

}  // namespace courier
