#include "sample-service/api/api.h"

#include <algorithm>

#include "sample-service/api/context.h"
#include "sample-service/api/endpoints_api.h"
#include "sample-service/api/messages_api.h"
#include "sample-service/api/request_text.h"
#include "sample-service/api/tenants_api.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using sluice::http::Handler;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

Response echo(const IncomingRequest& in) {
  const auto type = in.request.headers.find("Content-Type");
  return {200, {{"Content-Type", type == in.request.headers.end() ? "application/octet-stream" : type->second}}, in.request.body};
}

void handle(ApiContext& api, const std::string& about, const IncomingRequest& in, ReplyPtr reply) {
  const CallPtr call = call_of(in);
  switch (call->route->operation) {
    case Operation::Index:
    case Operation::Version: return reply->send(json_answer(200, about));
    case Operation::Echo: return reply->send(echo(in));
    case Operation::OpenApi: return reply->send(json_answer(200, openapi_document()));
    case Operation::PostMessage: return post_message(api, call, in, std::move(reply));
    case Operation::ListMessages: return list_messages(api, call, in, std::move(reply));
    case Operation::GetMessage: return get_message(api, call, in, std::move(reply));
    case Operation::ReplayMessage: return replay_message(api, call, in, std::move(reply));
    case Operation::ListDeadLetters: return list_dead_letters(api, call, in, std::move(reply));
    case Operation::CreateEndpoint: return create_endpoint(api, call, in, std::move(reply));
    case Operation::ListEndpoints: return list_endpoints(api, call, in, std::move(reply));
    case Operation::GetEndpoint: return get_endpoint(api, call, std::move(reply));
    case Operation::PatchEndpoint: return patch_endpoint(api, call, in, std::move(reply));
    case Operation::DeleteEndpoint: return delete_endpoint(api, call, in, std::move(reply));
    case Operation::RotateSecret: return rotate_secret(api, call, in, std::move(reply));
    case Operation::GetEndpointStats: return get_endpoint_stats(api, call, std::move(reply));
    case Operation::PostToken: return post_token(api, call, in, std::move(reply));
    case Operation::CreateTenant: return create_tenant(api, call, in, std::move(reply));
    case Operation::CreateKey: return create_key(api, call, in, std::move(reply));
    case Operation::ListKeys: return list_keys(api, call, std::move(reply));
    case Operation::RevokeKey: return revoke_key(api, call, std::move(reply));
  }
}

}  // namespace

Expected<OrderedJson> object_of(const std::string& body, std::initializer_list<std::string_view> known) {
  if (nests_deeper(body, kDeepest)) return fail(Error::Kind::Invalid, "the body is nested deeper than 100 levels");
  OrderedJson json = OrderedJson::parse(body, nullptr, false);
  if (!json.is_object()) return fail(Error::Kind::Invalid, "the body is not a JSON object");
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      std::string names;
      for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
      return fail(Error::Kind::Invalid, "field '" + key + "' is unknown; there are: " + names);
    }
  }
  return json;
}

Api::Api(ApiParts parts) : context_(std::make_unique<ApiContext>(std::move(parts))) {
  const Identity& identity = context_->parts.identity;
  about_ = json_answer(200, OrderedJson{{"name", "courier"}, {"version", identity.version}, {"pod", identity.pod}}).body;
}

Api::~Api() = default;

Handler Api::handler() {
  return [this](const IncomingRequest& in, ReplyPtr reply) { handle(*context_, about_, in, std::move(reply)); };
}

}  // namespace courier
