// Tokens: what a request proves its tenant and its rights with. Every node verifies them with the keys it was given and
// asks nobody; so a token is short-lived, and what was revoked lives on for at most its life.
//
// A token is a JWT signed with HMAC-SHA-256; the header names the key ("kid"). The first key of a ring signs, all verify:
// to rotate, add the new key as the last one everywhere, then put it first, then drop the old one after a token's life.
// Pure: time is given.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"

namespace courier {

using sluice::Duration;
using sluice::Expected;
using sluice::Time;

constexpr Duration kTokenLife{15 * 60'000};

struct TokenKey {
  std::string id{};      // letters, digits, '-' and '_'
  std::string secret{};  // at least 32 bytes
};

struct Claims {
  std::string tenant{};
  std::set<std::string> scopes{};  // "messages:write" and so on, see scopes()
  Time issued{};
  Time expires{};

  bool may(std::string_view scope) const { return scopes.contains(std::string(scope)); }
};

// What a token may allow.
const std::set<std::string>& all_scopes();
// "messages:read messages:write"; Invalid names the word that is not a scope.
Expected<std::set<std::string>> parse_scopes(std::string_view text);
std::string to_text(const std::set<std::string>& scopes);

class TokenRing {
 public:
  // "id:base64,id:base64": at least one, no id twice. Invalid names the id, never the secret.
  static Expected<TokenRing> parse(std::string_view text);
  // One key of this process alone: tokens die with it.
  static TokenRing random();

  std::string sign(const Claims& claims) const;
  // Forbidden: not one of ours, changed, or over its time; the message says which, never the token.
  Expected<Claims> verify(std::string_view token, Time now) const;

 private:
  explicit TokenRing(std::vector<TokenKey> keys) : keys_(std::move(keys)) {}
  std::vector<TokenKey> keys_;
};

}  // namespace courier
