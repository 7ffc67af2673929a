#include "sample-service/trust/token.h"

#include <algorithm>
#include <cctype>

#include <nlohmann/json.hpp>

#include "sample-service/trust/secret_text.h"

namespace courier {
namespace {

using Json = nlohmann::ordered_json;
using sluice::Error;
using sluice::fail;

constexpr const char* kIssuer = "courier";
constexpr std::size_t kLongest = 4096;
// Clocks of two nodes may differ by so much.
constexpr Duration kSkew{30'000};

std::string header_of(const TokenKey& key) { return base64url(Json{{"alg", "HS256"}, {"typ", "JWT"}, {"kid", key.id}}.dump()); }

long long whole_seconds(Time time) { return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count(); }

sluice::Unexpected refused(const std::string& why) {
  return fail(Error::Kind::Forbidden, "the token " + why + "; get a new one from POST /v1/tokens");
}

}  // namespace

const std::set<std::string>& all_scopes() {
  static const std::set<std::string> scopes = {"endpoints:read", "endpoints:write", "messages:read", "messages:write", "tenants:write"};
  return scopes;
}

Expected<std::set<std::string>> parse_scopes(std::string_view text) {
  std::set<std::string> scopes;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.empty()) continue;
    if (!all_scopes().contains(std::string(word))) {
      return fail(Error::Kind::Invalid, "scope '" + std::string(word) + "' is unknown; there are: " + to_text(all_scopes()));
    }
    scopes.emplace(word);
  }
  return scopes;
}

std::string to_text(const std::set<std::string>& scopes) {
  std::string text;
  for (const std::string& scope : scopes) text += (text.empty() ? "" : " ") + scope;
  return text;
}

Expected<TokenRing> TokenRing::parse(std::string_view text) {
  std::vector<TokenKey> keys;
  while (!text.empty()) {
    const auto entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const auto colon = entry.find(':');
    const std::string id(entry.substr(0, colon));
    const bool named = !id.empty() && colon != std::string_view::npos &&
                       std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
    if (!named) return fail(Error::Kind::Invalid, "a key without a name; write name:base64, e.g. 2026-11:$(openssl rand -base64 32)");
    if (std::any_of(keys.begin(), keys.end(), [&](const TokenKey& key) { return key.id == id; })) {
      return fail(Error::Kind::Invalid, "key '" + id + "' is there twice");
    }
    auto secret = from_base64(entry.substr(colon + 1));
    if (!secret || secret->size() < 32) {
      return fail(Error::Kind::Invalid, "key '" + id + "' is not the base64 of at least 32 bytes; make one with: openssl rand -base64 32");
    }
    keys.push_back({id, *std::move(secret)});
  }
  if (keys.empty()) return fail(Error::Kind::Invalid, "there is no key; write name:base64, e.g. 2026-11:$(openssl rand -base64 32)");
  return TokenRing(std::move(keys));
}

TokenRing TokenRing::random() { return TokenRing({{"process", random_bytes(32)}}); }

std::string TokenRing::sign(const Claims& claims) const {
  const Json body{{"iss", kIssuer},
                  {"sub", claims.tenant},
                  {"scope", to_text(claims.scopes)},
                  {"iat", whole_seconds(claims.issued)},
                  {"exp", whole_seconds(claims.expires)}};
  const TokenKey& key = keys_.front();
  const std::string content = header_of(key) + "." + base64url(body.dump(-1, ' ', false, Json::error_handler_t::replace));
  return content + "." + base64url(hmac_sha256(key.secret, content));
}

Expected<Claims> TokenRing::verify(std::string_view token, Time now) const {
  if (token.size() > kLongest) return refused("is too long to be one of courier's");
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == std::string_view::npos || first == last) return refused("is not one of courier's");
  // The header is compared, not interpreted: there is no algorithm to choose, and none to be tricked into.
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const TokenKey& one) { return header_of(one) == token.substr(0, first); });
  if (key == keys_.end()) return refused("is not signed with a key that is in use");
  if (!same_secret(base64url(hmac_sha256(key->secret, token.substr(0, last))), token.substr(last + 1))) return refused("was changed");

  // From here on it is our own text.
  const auto text = from_base64url(token.substr(first + 1, last - first - 1));
  const Json body = text ? Json::parse(*text, nullptr, false) : Json();
  const auto number = [&](const char* name) {
    return body.contains(name) && body[name].is_number_integer() ? body[name].get<long long>() : 0;
  };
  if (!body.is_object() || body.value("iss", "") != kIssuer || body.value("sub", "").empty()) return refused("is not one of courier's");
  auto scopes = parse_scopes(body.value("scope", ""));
  if (!scopes) return refused("has a scope that is not known here");
  Claims claims{body.value("sub", ""), *std::move(scopes), Time(std::chrono::seconds(number("iat"))),
                Time(std::chrono::seconds(number("exp")))};
  if (now >= claims.expires) return refused("is over its time");
  if (claims.issued > now + kSkew) return refused("is from the future: the clocks of two nodes differ");
  return claims;
}

}  // namespace courier
