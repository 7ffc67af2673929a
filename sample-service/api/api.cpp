#include "sample-service/api/api.h"

#include <memory>

#include <nlohmann/json.hpp>

#include "sample-service/api/routes.h"
#include "sample-service/domain/problem.h"

namespace courier {
namespace {

using sluice::http::Handler;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

class Api {
 public:
  explicit Api(ApiParts parts) : parts_(std::move(parts)) {
    const nlohmann::ordered_json about{{"name", "courier"}, {"version", parts_.identity.version}, {"pod", parts_.identity.pod}};
    about_ = about.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  void handle(const IncomingRequest& in, ReplyPtr reply) {
    const Matched matched = match(in.path);
    if (matched.route == Route::Unknown) return reply->send(problem(404, "there is nothing at '" + in.path + "'"));
    if (!allows(matched.route, in.request.method)) {
      Response refusal = problem(405, in.request.method + " is not possible at '" + in.path + "'");
      refusal.headers["Allow"] = std::string(allowed_methods(matched.route));
      return reply->send(std::move(refusal));
    }
    switch (matched.route) {
      case Route::Index:
      case Route::Version: return reply->send(json(200, about_));
      case Route::Echo: return reply->send(json(200, in.request.body));
      case Route::Messages: return post_message(in, std::move(reply));
      case Route::Message: return get_message(matched.id, std::move(reply));
      case Route::Unknown: return;
    }
  }

 private:
  static Response json(int status, std::string body) {
    return {status, {{"Content-Type", "application/json"}}, std::move(body)};
  }

  // A std::function must be copyable, so the reply travels in a shared_ptr.
  void with_store(const std::string& route, ReplyPtr reply, std::function<Response()> work) {
    const auto shared = std::make_shared<ReplyPtr>(std::move(reply));
    if (parts_.executor.try_post([shared, work = std::move(work)] { (*shared)->send(work()); })) return;
    rejected(route, "queue_full");
    (*shared)->send(problem(503, "too many requests wait for the database; try again", 1));
  }

  void rejected(const std::string& route, const std::string& reason) {
    parts_.metrics.counter("http_requests_rejected_total", "Requests refused to protect the service.",
                           {{"route", route}, {"reason", reason}}).add();
  }
  void idempotency(const std::string& result) {
    parts_.metrics.counter("idempotency_requests_total", "Requests with an idempotency key by what became of them.",
                           {{"result", result}}).add();
  }

  void post_message(const IncomingRequest& in, ReplyPtr reply) {
    const auto header = in.request.headers.find("Idempotency-Key");
    if (header == in.request.headers.end()) {
      return reply->send(problem(400, "the header Idempotency-Key is missing; send a new UUID with each message and the same one when you repeat it"));
    }
    const auto key = parse_idempotency_key(header->second);
    if (!key) return reply->send(problem(key.error()));
    const auto intake = parse_intake(in.request.body, parts_.endpoints);
    if (!intake) return reply->send(problem(intake.error()));

    Message message;
    message.id = new_id(in.received, parts_.random);
    message.endpoint = intake->endpoint;
    message.body = intake->payload;
    message.received = message.run_after = in.received;
    const std::string print = fingerprint("POST", "/v1/messages", in.request.body);
    with_store("/v1/messages", std::move(reply), [this, key = *key, message = std::move(message), print] {
      const auto stored = parts_.store.intake(key, print, message, to_json(message));
      if (!stored) {
        idempotency(stored.error().is(sluice::Error::Kind::Conflict) ? "mismatch" : "failed");
        return problem(stored.error());
      }
      idempotency(stored->replayed ? "replayed" : "new");
      if (!stored->replayed && parts_.stored) parts_.stored();
      Response answer = json(202, stored->body);
      answer.headers["Location"] = "/v1/messages/" + stored->id;
      if (stored->replayed) answer.headers["Idempotency-Replayed"] = "true";
      return answer;
    });
  }

  void get_message(const std::string& id, ReplyPtr reply) {
    with_store("/v1/messages/{id}", std::move(reply), [this, id] {
      const auto found = parts_.store.lookup(id);
      return found ? json(200, to_json(*found)) : problem(found.error());
    });
  }

  ApiParts parts_;
  std::string about_;
};

}  // namespace

Handler make_api(ApiParts parts) {
  return [api = std::make_shared<Api>(std::move(parts))](const IncomingRequest& in, ReplyPtr reply) { api->handle(in, std::move(reply)); };
}

}  // namespace courier
