#include "sample-service/domain/message.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "common/core/digest.h"
#include "common/http/url.h"
#include "sample-service/domain/endpoint.h"

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

Json json_of(const Delivery& delivery) {
  Json json{{"message", delivery.message}};
  if (!delivery.endpoint.empty()) json["endpoint"] = delivery.endpoint;
  json["url"] = delivery.url;
  json["state"] = name(delivery.state);
  json["attempts"] = delivery.attempts;
  if (delivery.state == State::Pending) json["nextAttempt"] = sluice::format_time(delivery.run_after);
  if (!delivery.last_error.empty()) json["lastError"] = delivery.last_error;
  return json;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

// The string under the key, if there is one.
Expected<std::string> string_of(const Json& json, const char* key) {
  if (!json.contains(key)) return std::string();
  if (!json[key].is_string()) return fail(Error::Kind::Invalid, "field '" + std::string(key) + "' must be a string");
  return json[key].get<std::string>();
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

State MessageStatus::state() const {
  State worst = State::Delivered;
  for (const Delivery& delivery : deliveries) {
    if (delivery.state == State::Pending) return State::Pending;
    if (delivery.state == State::Dead) worst = State::Dead;
  }
  return worst;
}

Expected<void> check_url(const std::string& url, const EndpointPolicy& policy) {
  if (!url.empty() && url == policy.default_endpoint) return {};
  const auto parsed = sluice::http::parse_url(url);
  if (!parsed) return fail("endpoint", parsed.error());
  const std::string origin = origin_of(*parsed);
  const bool allowed =
      std::any_of(policy.allowed.begin(), policy.allowed.end(), [&](const std::string& entry) { return entry == "*" || entry == origin; });
  if (allowed) return {};
  return fail(Error::Kind::Invalid, "endpoint: '" + origin + "' is not allowed; add it to COURIER_ENDPOINTS_ALLOWED");
}

Expected<Intake> parse_intake(std::string_view body, const EndpointPolicy& policy) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return fail(Error::Kind::Invalid, "the body is not a JSON object");
  for (const auto& [key, value] : json.items()) {
    if (key != "payload" && key != "endpoint" && key != "topic" && key != "priority") {
      return fail(Error::Kind::Invalid, "field '" + key + "' is unknown; a message has 'payload', 'endpoint', 'topic' and 'priority'");
    }
  }
  if (!json.contains("payload")) return fail(Error::Kind::Invalid, "field 'payload' is missing; it is what gets delivered");
  const auto endpoint = string_of(json, "endpoint");
  const auto topic = string_of(json, "topic");
  const auto priority = string_of(json, "priority");
  for (const auto* field : {&endpoint, &topic, &priority}) {
    if (!*field) return tl::make_unexpected(field->error());
  }
  if (json.contains("endpoint")) {
    if (const auto allowed = check_url(*endpoint, policy); !allowed) return tl::make_unexpected(allowed.error());
  }
  if (json.contains("topic")) {
    if (const auto fits = check_topic(*topic); !fits) return tl::make_unexpected(fits.error());
  }
  if (!priority->empty() && *priority != "normal" && *priority != "urgent") {
    return fail(Error::Kind::Invalid, "field 'priority': '" + *priority + "' is neither 'normal' nor 'urgent'");
  }
  return Intake{*endpoint, json["payload"].dump(-1, ' ', false, Json::error_handler_t::replace), *topic,
                *priority == "urgent" ? Lane::Urgent : Lane::Normal};
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
  Json json{{"id", message.id}, {"state", name(State::Pending)}, {"received", sluice::format_time(message.received)}};
  if (!message.topic.empty()) json["topic"] = message.topic;
  return text_of(json);
}

std::string to_json(const MessageStatus& status) {
  Json json{{"id", status.message.id}, {"state", name(status.state())}, {"received", sluice::format_time(status.message.received)}};
  if (!status.message.topic.empty()) json["topic"] = status.message.topic;
  int attempts = 0;
  std::optional<Time> next;
  std::string last_error;
  Json deliveries = Json::array();
  for (const Delivery& delivery : status.deliveries) {
    attempts = std::max(attempts, delivery.attempts);
    if (delivery.state == State::Pending) next = std::min(next.value_or(delivery.run_after), delivery.run_after);
    if (!delivery.last_error.empty()) last_error = delivery.last_error;
    deliveries.push_back(json_of(delivery));
  }
  json["attempts"] = attempts;
  if (next) json["nextAttempt"] = sluice::format_time(*next);
  if (!last_error.empty()) json["lastError"] = last_error;
  json["deliveries"] = std::move(deliveries);
  return text_of(json);
}

std::string to_json(const Delivery& delivery) { return text_of(json_of(delivery)); }

}  // namespace courier
