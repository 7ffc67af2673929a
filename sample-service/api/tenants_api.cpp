#include "sample-service/api/tenants_api.h"

#include <algorithm>

#include "sample-service/domain/endpoint.h"
#include "sample-service/domain/problem.h"
#include "sample-service/trust/secret_text.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

const std::string kAdminScope = "tenants:write";

Response not_a_key(const std::string& why) {
  Response answer = problem(401, why);
  answer.headers["WWW-Authenticate"] = "Bearer";
  return answer;
}

// What a key may do: everything of its tenant, but nothing to tenants.
std::set<std::string> scopes_of_a_tenant() {
  std::set<std::string> scopes = all_scopes();
  scopes.erase(kAdminScope);
  return scopes;
}

Response token_answer(const ApiContext& api, const std::string& tenant, const std::set<std::string>& may,
                      const std::set<std::string>& asked) {
  Claims claims{tenant, asked.empty() ? may : asked, api.parts.clock.now(), {}};
  if (!std::includes(may.begin(), may.end(), claims.scopes.begin(), claims.scopes.end())) {
    return problem(403, "this key may only have: " + to_text(may));
  }
  claims.expires = claims.issued + kTokenLife;
  Response answer = json_answer(200, OrderedJson{{"access_token", api.parts.tokens.sign(claims)},
                                                 {"token_type", "Bearer"},
                                                 {"expires_in", kTokenLife.count() / 1000},
                                                 {"scope", to_text(claims.scopes)}});
  answer.headers["Cache-Control"] = "no-store";
  return answer;
}

Expected<std::set<std::string>> scopes_asked(const std::string& body) {
  if (body.empty()) return std::set<std::string>{};
  const auto json = object_of(body, {"scope"});
  if (!json) return tl::make_unexpected(json.error());
  if (!json->contains("scope")) return std::set<std::string>{};
  if (!(*json)["scope"].is_string()) return fail(Error::Kind::Invalid, "scope: must be a string of scopes separated by spaces");
  auto scopes = parse_scopes((*json)["scope"].get<std::string>());
  if (scopes && scopes->empty())
    return fail(Error::Kind::Invalid, "scope: is empty; name some, or leave it out for all that the key may have");
  return scopes;
}

}  // namespace

void post_token(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto header = in.request.headers.find("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (header == in.request.headers.end() || !header->second.starts_with(kScheme)) {
    return reply->send(not_a_key("an API key is needed: 'Authorization: Bearer <key>'"));
  }
  const std::string key = header->second.substr(kScheme.size());
  auto asked = scopes_asked(in.request.body);
  if (!asked) return reply->send(problem(asked.error()));
  // Digests are compared, so that how long it takes says nothing of the key.
  if (!api.parts.admin_key.empty() && same_secret(hash_api_key(key), hash_api_key(api.parts.admin_key))) {
    return reply->send(token_answer(api, "admin", {kAdminScope}, *asked));
  }
  api.calls.run(call, std::move(reply), [&api, digest = hash_api_key(key), asked = *std::move(asked)] {
    const auto tenant = api.parts.store.tenant_of_key(digest);
    if (tenant) return token_answer(api, tenant->id, scopes_of_a_tenant(), asked);
    return tenant.error().is(Error::Kind::NotFound) ? not_a_key("this API key is unknown or was revoked") : problem(tenant.error());
  });
}

void create_tenant(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  const auto body = object_of(in.request.body, {"id", "name"});
  if (!body) return reply->send(problem(body.error()));
  Tenant tenant;
  for (const auto& [field, into] : {std::pair("id", &tenant.id), std::pair("name", &tenant.name)}) {
    if (!body->contains(field)) continue;
    if (!(*body)[field].is_string()) return reply->send(problem(400, std::string(field) + ": must be a string"));
    *into = (*body)[field].get<std::string>();
  }
  if (const auto fits = check_tenant_id(tenant.id); !fits) return reply->send(problem(fits.error()));
  if (tenant.name.size() > 200) return reply->send(problem(400, "name: is longer than 200 bytes"));
  tenant.created = in.received;
  api.calls.run(call, std::move(reply), [&api, tenant] {
    const auto created = api.parts.store.create_tenant(tenant);
    if (!created && created.error().is(Error::Kind::Exists)) return problem(409, created.error().message);
    if (!created) return problem(created.error());
    return json_answer(201, OrderedJson{{"id", tenant.id}, {"name", tenant.name}, {"created", sluice::format_time(tenant.created)}});
  });
}

void create_key(ApiContext& api, const CallPtr& call, const IncomingRequest& in, ReplyPtr reply) {
  // 256 random bits, shown this once; what is stored is their digest.
  const std::string text = "ck_" + base64url(random_bytes(32));
  const ApiKey key{new_id(in.received, api.parts.random), call->ids[0], hash_api_key(text), in.received};
  api.calls.run(call, std::move(reply), [&api, key, text] {
    const auto added = api.parts.store.add_api_key(key);
    if (!added && added.error().is(Error::Kind::Invalid)) return problem(404, added.error().message);
    if (!added) return problem(added.error());
    Response answer =
        json_answer(201, OrderedJson{{"id", key.id}, {"tenant", key.tenant}, {"key", text}, {"created", sluice::format_time(key.created)}});
    answer.headers["Cache-Control"] = "no-store";
    return answer;
  });
}

void list_keys(ApiContext& api, const CallPtr& call, ReplyPtr reply) {
  api.calls.run(call, std::move(reply), [&api, call] {
    const auto keys = api.parts.store.api_keys(call->ids[0]);
    if (!keys) return problem(keys.error());
    OrderedJson items = OrderedJson::array();
    for (const ApiKey& key : *keys) items.push_back({{"id", key.id}, {"created", sluice::format_time(key.created)}});
    return json_answer(200, OrderedJson{{"items", std::move(items)}});
  });
}

void revoke_key(ApiContext& api, const CallPtr& call, ReplyPtr reply) {
  api.calls.run(call, std::move(reply), [&api, call] {
    const auto revoked = api.parts.store.revoke_api_key(call->ids[0], call->ids[1]);
    return revoked ? Response{204, {}, ""} : problem(revoked.error());
  });
}

}  // namespace courier
