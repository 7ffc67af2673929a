// What courier carries: a message that was posted once and is delivered, at least once, to each of its receivers. Pure values.
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
  Pending,    // waits for its (next) attempt
  Delivered,  // the receiver answered 2xx
  Dead,       // given up; last_error says why
};
std::string_view name(State state);

// Urgent deliveries overtake normal ones, but never stop them: see worker/fair.h.
enum class Lane { Urgent = 0, Normal = 1 };

struct Message {
  std::string id{};  // UUID version 7: what a receiver removes duplicates by
  std::string tenant{};
  std::string topic{};        // which subscriptions it goes to; may be empty
  std::string payload{};      // what is delivered: the JSON text of "payload"
  std::string traceparent{};  // W3C trace context of the request that posted it; empty: none
  Lane lane = Lane::Normal;
  Time received{};
};

// One message on its way to one receiver. Message and endpoint together are its identity.
struct Delivery {
  std::string message{};
  std::string endpoint{};  // id of the Endpoint; empty: the URL that the message itself named
  std::string tenant{};
  std::string url{};  // where it goes today; empty: its endpoint was deleted
  State state = State::Pending;
  int attempts = 0;
  Time run_after{};  // not before; while it is lent, the end of the loan
  std::string last_error{};
};

struct MessageStatus {
  Message message{};
  std::vector<Delivery> deliveries{};  // by endpoint

  // Pending while any delivery is; then Dead if any is; else Delivered.
  State state() const;
};

// What a client asks for.
struct Intake {
  std::string endpoint{};  // the receiver; empty: whoever subscribes to the topic
  std::string payload{};
  std::string topic{};
  Lane lane = Lane::Normal;
};

// Which endpoints may be named by clients: origins ("http://host:port") or "*" for any. The default endpoint is always
// allowed. Without a list nobody can make courier call into the network it runs in.
struct EndpointPolicy {
  std::string default_endpoint{};  // of messages that name none and to which nobody subscribes
  std::vector<std::string> allowed{};
};

// Body of POST /v1/messages: {"payload": any, "endpoint": "http://...", "topic": "order.paid", "priority": "urgent"}; only
// payload must be there. Invalid names the field and says what to do.
Expected<Intake> parse_intake(std::string_view body, const EndpointPolicy& policy);

// An absolute URL that the policy allows to be called. Invalid names its origin.
Expected<void> check_url(const std::string& url, const EndpointPolicy& policy);

// Value of the Idempotency-Key header: 1 to 255 visible ASCII characters, with or without the quotes of a structured field.
Expected<std::string> parse_idempotency_key(std::string_view header);

// Tells two requests under the same key apart.
std::string fingerprint(std::string_view method, std::string_view route, std::string_view body);

// UUID version 7: sorts by time.
std::string new_id(Time now, const Random& random);

// What a client is told of a message it has just posted: known before its deliveries are.
std::string to_json(const Message& message);
// "attempts" is of the delivery that took most, "nextAttempt" of the one that comes first.
std::string to_json(const MessageStatus& status);
std::string to_json(const Delivery& delivery);

}  // namespace courier
