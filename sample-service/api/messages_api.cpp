#include "sample-service/api/messages_api.h"

#include "common/core/digest.h"
#include "sample-service/api/receiver_url.h"
#include "sample-service/api/request_text.h"
#include "sample-service/domain/problem.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

constexpr Duration kKeyLife{24 * 3'600'000};

Expected<std::string> key_of(const IncomingRequest& in) {
  const auto header = in.request.headers.find("Idempotency-Key");
  if (header != in.request.headers.end()) return parse_idempotency_key(header->second);
  return fail(Error::Kind::Invalid,
              "the header Idempotency-Key is missing; send a new UUID with each message and the same one when you repeat it");
}

Once once_of(const CallPtr& call, const IncomingRequest& in, const std::string& key, const std::string& print, Answer answer) {
  Once once;
  once.tenant = call->tenant;
  once.route = std::string(call->route->method) + " " + std::string(call->route->pattern);
  once.key = key;
  once.fingerprint = print;
  once.answer = std::move(answer);
  once.now = in.received;
  once.expires = in.received + kKeyLife;
  once.until = call->deadline.end();
  return once;
}

// Sends the kept answer: the same bytes to everybody who has the key.
Response kept(ApiContext& api, const Expected<Answer>& stored) {
  if (!stored) {
    api.idempotency(stored.error().is(Error::Kind::Exists)     ? "mismatch"
                    : stored.error().is(Error::Kind::Conflict) ? "in_flight"
                                                               : "failed");
    return problem(stored.error());
  }
  api.idempotency(stored->replayed ? "replayed" : "new");
  Response answer{stored->status, {}, stored->body};
  for (const auto& [name, value] : stored->headers) answer.headers[name] = value;
  if (stored->replayed) answer.headers["Idempotency-Replayed"] = "true";
  return answer;
}

template <typename Item, typename Write>
Response page_answer(const Expected<Slice<Item>>& slice, Write write) {
  if (!slice) return problem(slice.error());
  OrderedJson items = OrderedJson::array();
  for (const Item& item : slice->items) items.push_back(write(item));
  OrderedJson page{{"items", std::move(items)}};
  if (!slice->next.empty()) page["next"] = cursor_of(slice->next);
  return json_answer(200, page);
}

}  // namespace

void post_message(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto key = key_of(in);
  if (!key) return reply->send(problem(key.error()));
  if (nests_deeper(in.request.body, kDeepest)) return reply->send(problem(400, "the body is nested deeper than 100 levels"));
  const auto intake = parse_intake(in.request.body, api.parts.endpoints);
  if (!intake) return reply->send(problem(intake.error()));
  if (!intake->endpoint.empty()) {
    const auto allowed = check_receiver(intake->endpoint, api.parts.endpoints, api.parts.addresses);
    if (!allowed) return reply->send(problem(allowed.error()));
  }

  Message message;
  message.id = new_id(in.received, api.parts.random);
  message.tenant = call->tenant;
  message.topic = intake->topic;
  message.payload = intake->payload;
  message.traceparent = call->trace.header();
  message.lane = intake->lane;
  message.received = in.received;
  Answer answer{202, {{"Content-Type", "application/json"}, {"Location", "/v1/messages/" + message.id}}, to_json(message)};
  Once once = once_of(call, in, *key, fingerprint("POST", "/v1/messages", in.request.body), std::move(answer));
  api.calls.run(call, std::move(reply), [&api, call, once = std::move(once), message = std::move(message), url = intake->endpoint] {
    const Stopwatch watch;
    const auto stored = api.parts.store.intake(once, message, url, api.parts.endpoints.default_endpoint);
    api.traced(*call, "intake", watch, stored ? "" : stored.error().message);
    if (stored && !stored->replayed && api.parts.stored) api.parts.stored(message.id);
    return kept(api, stored);
  });
}

void replay_message(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto key = key_of(in);
  if (!key) return reply->send(problem(key.error()));
  const std::string id = call->ids[0];
  const OrderedJson body{{"id", id}, {"state", name(State::Pending)}};
  Answer answer{202, {{"Content-Type", "application/json"}, {"Location", "/v1/messages/" + id}}, body.dump() + "\n"};
  Once once = once_of(call, in, *key, fingerprint("POST", "/v1/messages/" + id + "/replay", ""), std::move(answer));
  api.calls.run(call, std::move(reply), [&api, call, once = std::move(once), id] {
    const auto stored = api.parts.store.replay(once, id);
    api.messages.forget(cache_key(call));  // nobody joins a load that began before
    if (stored && !stored->replayed && api.parts.stored) api.parts.stored(id);
    // Not the request is wrong but the state of the message: nothing of it is dead.
    if (!stored && stored.error().is(Error::Kind::Invalid)) return problem(409, stored.error().message);
    return kept(api, stored);
  });
}

void list_messages(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto page = parse_page(in.query);
  if (!page) return reply->send(problem(page.error()));
  api.calls.run(call, std::move(reply), [&api, call, page = *page] {
    return page_answer(api.parts.store.messages(call->tenant, page), [](const Message& message) {
      OrderedJson json{{"id", message.id}, {"received", sluice::format_time(message.received)}};
      if (!message.topic.empty()) json["topic"] = message.topic;
      return json;
    });
  });
}

void list_dead_letters(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto page = parse_page(in.query);
  if (!page) return reply->send(problem(page.error()));
  api.calls.run(call, std::move(reply), [&api, call, page = *page] {
    return page_answer(api.parts.store.dead_letters(call->tenant, page),
                       [](const Delivery& delivery) { return OrderedJson::parse(to_json(delivery)); });
  });
}

void get_message(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto known = in.request.headers.find("If-None-Match");
  const std::string known_tag = known == in.request.headers.end() ? "" : known->second;
  api.calls.read(call, std::move(reply),
                 {api.messages, cache_key(call),
                  [&api, call]() -> Expected<Read> {
                    const auto found = api.parts.store.lookup(call->tenant, call->ids[0]);
                    if (!found) return tl::make_unexpected(found.error());
                    // What was delivered everywhere never changes again; a dead delivery may be tried again.
                    return Read{json_answer(200, to_json(*found)).body, 0, found->state() == State::Delivered};
                  },
                  [known_tag](const Expected<Read>& found) {
                    if (!found) return problem(found.error());
                    Response answer = json_answer(200, found->body);
                    const std::string tag = "\"" + sluice::sha256_hex(answer.body).substr(0, 16) + "\"";
                    if (known_tag == tag) answer = {304, {}, ""};
                    answer.headers["ETag"] = tag;
                    answer.headers["Cache-Control"] = found->keep ? "private, max-age=3600, immutable" : "private, no-cache";
                    return answer;
                  }});
}

}  // namespace courier
