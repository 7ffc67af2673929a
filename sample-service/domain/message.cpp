#include "sample-service/domain/message.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/core/digest.h"
#include "common/http/url.h"

namespace courier {
namespace {

using Json = nlohmann::ordered_json;
using sluice::Error;
using sluice::fail;

std::string origin_of(const sluice::http::Url& url) {
  sluice::http::Url origin = url;
  origin.path.clear();
  return to_string(origin);
}

Expected<std::string> admit(const std::string& endpoint, const EndpointPolicy& policy) {
  if (endpoint == policy.default_endpoint) return endpoint;
  const auto url = sluice::http::parse_url(endpoint);
  if (!url) return fail("endpoint", url.error());
  const std::string origin = origin_of(*url);
  const bool allowed = std::any_of(policy.allowed.begin(), policy.allowed.end(),
                                   [&](const std::string& entry) { return entry == "*" || entry == origin; });
  if (!allowed) {
    return fail(Error::Kind::Invalid, "endpoint: '" + origin + "' is not allowed; add it to COURIER_ENDPOINTS_ALLOWED");
  }
  return endpoint;
}

}  // namespace

std::string_view name(State state) {
  switch (state) {
    case State::Pending: return "pending";
    case State::Delivered: return "delivered";
    case State::Dead: return "dead";
  }
  return "dead";
}

Expected<Intake> parse_intake(std::string_view body, const EndpointPolicy& policy) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return fail(Error::Kind::Invalid, "the body is not a JSON object");
  for (const auto& [key, value] : json.items()) {
    if (key != "payload" && key != "endpoint") {
      return fail(Error::Kind::Invalid, "field '" + key + "' is unknown; a message has 'payload' and 'endpoint'");
    }
  }
  if (!json.contains("payload")) return fail(Error::Kind::Invalid, "field 'payload' is missing; it is what gets delivered");
  std::string endpoint = policy.default_endpoint;
  if (json.contains("endpoint")) {
    if (!json["endpoint"].is_string()) return fail(Error::Kind::Invalid, "field 'endpoint' must be a string with a URL");
    endpoint = json["endpoint"].get<std::string>();
  }
  if (endpoint.empty()) return fail(Error::Kind::Invalid, "field 'endpoint' is missing, and courier runs without a default");
  auto admitted = admit(endpoint, policy);
  if (!admitted) return tl::make_unexpected(admitted.error());
  return Intake{*std::move(admitted), json["payload"].dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Expected<std::string> parse_idempotency_key(std::string_view header) {
  if (header.size() >= 2 && header.front() == '"' && header.back() == '"') header = header.substr(1, header.size() - 2);
  const bool visible = std::all_of(header.begin(), header.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (header.empty() || header.size() > 255 || !visible) {
    return fail(Error::Kind::Invalid, "Idempotency-Key must be 1 to 255 visible characters; use a new UUID for each message");
  }
  return std::string(header);
}

std::string fingerprint(std::string_view method, std::string_view route, std::string_view body) {
  return sluice::sha256_hex(std::string(method) + "\n" + std::string(route) + "\n" + std::string(body));
}

std::string new_id(Time now, const Random& random) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto digit = [&](int below) { return static_cast<unsigned>(random() * below); };
  const auto milliseconds = static_cast<unsigned long long>(now.time_since_epoch().count());
  std::string id;
  for (int shift = 44; shift >= 0; shift -= 4) id += kDigits[(milliseconds >> shift) & 0xf];
  id += '7';
  for (int i = 0; i < 3; ++i) id += kDigits[digit(16)];
  id += kDigits[8 + digit(4)];
  for (int i = 0; i < 15; ++i) id += kDigits[digit(16)];
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) id.insert(dash, 1, '-');
  return id;
}

std::string to_json(const Message& message) {
  Json json{{"id", message.id},
            {"state", name(message.state)},
            {"endpoint", message.endpoint},
            {"attempts", message.attempts},
            {"received", sluice::format_time(message.received)}};
  if (message.state == State::Pending) json["nextAttempt"] = sluice::format_time(message.run_after);
  if (!message.last_error.empty()) json["lastError"] = message.last_error;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace courier
