#include "sample-service/api/endpoints_api.h"

#include <charconv>
#include <cmath>
#include <functional>

#include "sample-service/api/receiver_url.h"
#include "sample-service/api/request_text.h"
#include "sample-service/domain/problem.h"
#include "sample-service/trust/secret_text.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

constexpr int kMostInFlight = 100;
constexpr std::size_t kMostTopics = 64;
constexpr std::size_t kLongestUrl = 2048;
constexpr Duration kOverlap{24 * 3'600'000};
constexpr Duration kLongestOverlap{7 * 24 * 3'600'000};

std::string tag_of(long long version) { return "\"" + std::to_string(version) + "\""; }

// The version that If-Match asks for; 0: "*", any. Invalid: not one of our tags.
Expected<long long> version_of(const std::string& if_match) {
  if (if_match == "*") return 0;
  long long version = 0;
  const bool quoted = if_match.size() > 2 && if_match.front() == '"' && if_match.back() == '"';
  const char* const end = if_match.data() + if_match.size() - 1;
  if (quoted) {
    const auto [last, error] = std::from_chars(if_match.data() + 1, end, version);
    if (error == std::errc() && last == end && version > 0) return version;
  }
  return fail(Error::Kind::Invalid, "If-Match: write the ETag that the endpoint was answered with, such as \"3\"");
}

OrderedJson json_of(const Endpoint& endpoint) {
  OrderedJson json{{"id", endpoint.id},
                   {"url", endpoint.url},
                   {"topics", endpoint.topics},
                   {"state", name(endpoint.state)},
                   {"maxInFlight", endpoint.max_inflight},
                   {"version", endpoint.version},
                   {"created", sluice::format_time(endpoint.created)},
                   {"updated", sluice::format_time(endpoint.updated)}};
  for (const OldSecret& old : endpoint.old_secrets) json["oldSecrets"].push_back({{"validUntil", sluice::format_time(old.until)}});
  return json;
}

Response versioned(Response answer, long long version) {
  answer.headers["ETag"] = tag_of(version);
  return answer;
}

Response endpoint_answer(int status, const Endpoint& endpoint, bool with_secret = false) {
  OrderedJson json = json_of(endpoint);
  if (with_secret) json["secret"] = endpoint.secret;
  Response answer = versioned(json_answer(status, json), endpoint.version);
  if (with_secret) answer.headers["Cache-Control"] = "no-store";
  return answer;
}

Response refused(const Error& error) {
  // The request is right; the tenant has too many.
  if (error.is(Error::Kind::Forbidden)) return problem(409, error.message);
  if (error.is(Error::Kind::Conflict)) return problem(412, error.message);
  return problem(error);
}

std::string new_secret() { return "whsec_" + base64(random_bytes(32)); }

Expected<void> check_secret(const std::string& secret) {
  constexpr std::string_view kPrefix = "whsec_";
  const auto key = secret.starts_with(kPrefix) ? from_base64(std::string_view(secret).substr(kPrefix.size())) : from_base64("?");
  if (key && key->size() >= 24 && key->size() <= 64) return {};
  // Never repeated.
  return fail(Error::Kind::Invalid, "secret: must be 'whsec_' and the base64 of 24 to 64 random bytes; leave it out to be given one");
}

// Sets what the body names; the rest stays.
Expected<void> apply(const OrderedJson& body, const ApiContext& api, Endpoint& endpoint) {
  if (body.contains("url")) {
    if (!body["url"].is_string()) return fail(Error::Kind::Invalid, "url: must be a string");
    endpoint.url = body["url"].get<std::string>();
    if (endpoint.url.size() > kLongestUrl) return fail(Error::Kind::Invalid, "url: is longer than 2048 bytes");
    if (auto allowed = check_receiver(endpoint.url, api.parts.endpoints, api.parts.addresses); !allowed) return allowed;
  }
  if (body.contains("topics")) {
    if (!body["topics"].is_array() || body["topics"].size() > kMostTopics)
      return fail(Error::Kind::Invalid, "topics: must be a list of at most 64");
    endpoint.topics.clear();
    for (const auto& topic : body["topics"]) {
      if (!topic.is_string()) return fail(Error::Kind::Invalid, "topics: must be a list of strings");
      endpoint.topics.push_back(topic.get<std::string>());
      if (auto fits = check_topic(endpoint.topics.back()); !fits) return fits;
    }
  }
  if (body.contains("state")) {
    const auto state = body["state"].is_string() ? parse_endpoint_state(body["state"].get<std::string>()) : parse_endpoint_state("");
    if (!state) return tl::make_unexpected(state.error());
    endpoint.state = *state;
  }
  if (body.contains("maxInFlight")) {
    // JSON has one kind of number: 4.0 is 4.
    const double number = body["maxInFlight"].is_number() ? body["maxInFlight"].get<double>() : 0;
    if (number < 1 || number > kMostInFlight || number != std::floor(number)) {
      return fail(Error::Kind::Invalid, "maxInFlight: must be a whole number from 1 to 100");
    }
    endpoint.max_inflight = static_cast<int>(number);
  }
  if (body.contains("secret")) {
    if (!body["secret"].is_string()) return fail(Error::Kind::Invalid, "secret: must be a string");
    const auto secret = body["secret"].get<std::string>();
    if (auto fits = check_secret(secret); !fits) return fits;
    endpoint.secret = secret;
    endpoint.old_secrets.clear();
  }
  return {};
}

// How long the old secret signs on, in the body of a rotation.
Expected<Duration> overlap_of(const OrderedJson& body) {
  if (!body.contains("overlapSeconds")) return kOverlap;
  const double seconds = body["overlapSeconds"].is_number() ? body["overlapSeconds"].get<double>() : -1;
  if (seconds < 0 || seconds > sluice::seconds(kLongestOverlap) || seconds != std::floor(seconds)) {
    return fail(Error::Kind::Invalid, "overlapSeconds: must be a whole number from 0 to 604800, which is a week");
  }
  return Duration(static_cast<long long>(seconds) * 1'000);
}

Expected<OrderedJson> body_of(const IncomingRequest& in) {
  return object_of(in.request.body, {"url", "topics", "state", "maxInFlight", "secret"});
}

// The version that a change is meant for, or the answer to a request that does not say.
tl::expected<long long, Response> version_meant(const IncomingRequest& in) {
  const auto header = in.request.headers.find("If-Match");
  if (header == in.request.headers.end()) {
    return tl::make_unexpected(problem(
        428,
        "the header If-Match is missing; send the ETag of the endpoint that you have read, so that no change of somebody else is lost"));
  }
  const auto version = version_of(header->second);
  if (!version) return tl::make_unexpected(problem(version.error()));
  return *version;
}

// Reads the endpoint, changes it if it has the version (0: whichever), and stores it. On the executor's threads.
tl::expected<Endpoint, Response> change(ApiContext& api, const CallPtr& call, long long version, Time now,
                                        const std::function<Expected<void>(Endpoint&)>& edit) {
  auto endpoint = api.parts.store.endpoint(call->tenant, call->ids[0]);
  if (!endpoint) return tl::make_unexpected(refused(endpoint.error()));
  if (version != 0 && endpoint->version != version) {
    return tl::make_unexpected(problem(412, "endpoint '" + endpoint->id + "' has version " + std::to_string(endpoint->version) +
                                                " by now; read it again and decide again"));
  }
  if (const auto edited = edit(*endpoint); !edited) return tl::make_unexpected(refused(edited.error()));
  endpoint->updated = now;
  auto updated = api.parts.store.update_endpoint(*endpoint);
  // Before the answer: who knows of the change reads it here. After an error it may have been made, or another one was.
  if (updated) api.endpoints.announce(cache_key(call), updated->version);
  else api.endpoints.forget(cache_key(call));
  if (!updated) return tl::make_unexpected(refused(updated.error()));
  return *std::move(updated);
}

}  // namespace

void create_endpoint(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto body = body_of(in);
  if (!body) return reply->send(problem(body.error()));
  Endpoint endpoint;
  endpoint.id = new_id(in.received, api.parts.random);
  endpoint.tenant = call->tenant;
  endpoint.created = endpoint.updated = in.received;
  if (!body->contains("url")) return reply->send(problem(400, "url: is missing; it is where messages are delivered"));
  if (const auto applied = apply(*body, api, endpoint); !applied) return reply->send(problem(applied.error()));
  if (endpoint.secret.empty()) endpoint.secret = new_secret();
  api.calls.run(call, std::move(reply), [&api, endpoint] {
    const auto created = api.parts.store.create_endpoint(endpoint);
    if (!created) return refused(created.error());
    Response answer = endpoint_answer(201, *created, true);
    answer.headers["Location"] = "/v1/endpoints/" + created->id;
    return answer;
  });
}

void list_endpoints(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto page = parse_page(in.query);
  if (!page) return reply->send(problem(page.error()));
  api.calls.run(call, std::move(reply), [&api, call, page = *page] {
    const auto slice = api.parts.store.endpoints(call->tenant, page);
    if (!slice) return problem(slice.error());
    OrderedJson items = OrderedJson::array();
    for (const Endpoint& endpoint : slice->items) items.push_back(json_of(endpoint));
    OrderedJson json{{"items", std::move(items)}};
    if (!slice->next.empty()) json["next"] = cursor_of(slice->next);
    return json_answer(200, json);
  });
}

void get_endpoint(ApiContext& api, const CallPtr& call, ReplyPtr reply) {
  api.calls.read(call, std::move(reply),
                 {api.endpoints, cache_key(call),
                  [&api, call]() -> Expected<Read> {
                    const auto found = api.parts.store.endpoint(call->tenant, call->ids[0]);
                    if (!found) return tl::make_unexpected(found.error());
                    return Read{json_answer(200, json_of(*found)).body, found->version};  // without its secret
                  },
                  [](const Expected<Read>& found) {
                    return found ? versioned(json_answer(200, found->body), found->version) : refused(found.error());
                  }});
}

void patch_endpoint(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto version = version_meant(in);
  if (!version) return reply->send(version.error());
  auto body = body_of(in);
  if (!body) return reply->send(problem(body.error()));
  // What is wrong with the body whatever the endpoint is, is said without the store.
  Endpoint nobody;
  if (const auto applied = apply(*body, api, nobody); !applied) return reply->send(problem(applied.error()));
  api.calls.run(call, std::move(reply), [&api, call, version = *version, body = *std::move(body), now = in.received] {
    const auto changed = change(api, call, version, now, [&](Endpoint& endpoint) { return apply(body, api, endpoint); });
    return changed ? endpoint_answer(200, *changed) : changed.error();
  });
}

void rotate_secret(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto version = version_meant(in);
  if (!version) return reply->send(version.error());
  const auto body = object_of(in.request.body.empty() ? "{}" : in.request.body, {"secret", "overlapSeconds"});
  if (!body) return reply->send(problem(body.error()));
  const auto overlap = overlap_of(*body);
  if (!overlap) return reply->send(problem(overlap.error()));
  std::string next = new_secret();
  if (body->contains("secret")) {
    if (!(*body)["secret"].is_string()) return reply->send(problem(400, "secret: must be a string"));
    next = (*body)["secret"].get<std::string>();
    if (const auto fits = check_secret(next); !fits) return reply->send(problem(fits.error()));
  }
  api.calls.run(call, std::move(reply), [&api, call, version = *version, next, overlap = *overlap, now = in.received] {
    const auto changed = change(api, call, version, now, [&](Endpoint& endpoint) {
      return rotate_secret(endpoint.secret, endpoint.old_secrets, next, now, overlap);
    });
    return changed ? endpoint_answer(200, *changed, true) : changed.error();
  });
}

void delete_endpoint(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto header = in.request.headers.find("If-Match");
  const auto version = header == in.request.headers.end() ? Expected<long long>(0) : version_of(header->second);
  if (!version) return reply->send(problem(version.error()));
  api.calls.run(call, std::move(reply), [&api, call, version = *version, now = in.received] {
    const auto deleted = api.parts.store.delete_endpoint(call->tenant, call->ids[0], version, now);
    api.endpoints.forget(cache_key(call));
    return deleted ? Response{204, {}, ""} : refused(deleted.error());
  });
}

void get_endpoint_stats(ApiContext& api, const CallPtr& call, ReplyPtr reply) {
  api.calls.run(call, std::move(reply), [&api, call] {
    const auto stats = api.parts.store.endpoint_stats(call->tenant, call->ids[0]);
    if (!stats) return problem(stats.error());
    return json_answer(200, OrderedJson{{"pending", stats->pending},
                                        {"delivered", stats->delivered},
                                        {"dead", stats->dead},
                                        {"attempts", stats->attempts},
                                        {"refreshed", sluice::format_time(stats->refreshed)}});
  });
}

}  // namespace courier
