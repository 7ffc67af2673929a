// What courier carries: a message that was posted once and is delivered, at least once, to one endpoint. Pure values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"

namespace courier {

using sluice::Duration;
using sluice::Expected;
using sluice::Time;

// Uniform in [0, 1); injected, so that tests repeat. Called from several threads.
using Random = std::function<double()>;

enum class State {
  Pending,     // waits for its (next) attempt
  Delivered,   // the receiver answered 2xx
  Dead,        // given up; last_error says why
};
std::string_view name(State state);

struct Message {
  std::string id{};                        // UUID version 7
  std::string endpoint{};                  // absolute URL
  std::string body{};                      // what is delivered: the JSON text of "payload"
  State state = State::Pending;
  int attempts = 0;
  Time received{};
  Time run_after{};                        // not before
  std::string last_error{};
};

// What a client asks for.
struct Intake {
  std::string endpoint;
  std::string payload;
};

// Which endpoints may be named by clients: origins ("http://host:port") or "*" for any. The default endpoint is always
// allowed. Without a list nobody can make courier call into the network it runs in.
struct EndpointPolicy {
  std::string default_endpoint{};
  std::vector<std::string> allowed{};
};

// Body of POST /v1/messages: {"payload": any, "endpoint": "http://..."}; endpoint may be left out when there is a
// default. Invalid names the field and says what to do.
Expected<Intake> parse_intake(std::string_view body, const EndpointPolicy& policy);

// Value of the Idempotency-Key header: 1 to 255 visible ASCII characters, with or without the quotes of a structured field.
Expected<std::string> parse_idempotency_key(std::string_view header);

// Tells two requests under the same key apart.
std::string fingerprint(std::string_view method, std::string_view route, std::string_view body);

// UUID version 7: sorts by time.
std::string new_id(Time now, const Random& random);

std::string to_json(const Message& message);

}  // namespace courier
