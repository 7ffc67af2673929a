// SqlStore: tenants and their keys.
#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

const Statement kCreate{"tenant_create", "INSERT INTO tenants (id, name, created) VALUES ($1, $2, $3)"};
const Statement kOfKey{"tenant_of_key",
                       "SELECT t.id, t.name, t.created FROM api_keys k JOIN tenants t ON t.id = k.tenant WHERE k.digest = $1"};
const Statement kAddKey{"key_add", "INSERT INTO api_keys (digest, tenant, id, created) VALUES ($1, $2, $3, $4)"};
const Statement kRevoke{"key_revoke", "DELETE FROM api_keys WHERE tenant = $1 AND id = $2"};
const Statement kKeys{"keys", "SELECT id, tenant, digest, created FROM api_keys WHERE tenant = $1 ORDER BY id"};

}  // namespace

Expected<void> SqlStore::create_tenant(const Tenant& tenant) {
  return on_session("create_tenant", Repeat::No, [&](Session& session) -> Expected<void> {
    const auto made = session.run(kCreate, {tenant.id, tenant.name, to_sql(tenant.created)});
    if (made) return {};
    if (made.error().is(Error::Kind::Exists)) return fail(Error::Kind::Exists, "there is a tenant '" + tenant.id + "' already");
    return tl::make_unexpected(made.error());
  });
}

Expected<Tenant> SqlStore::tenant_of_key(const std::string& digest) {
  return on_session("tenant_of_key", Repeat::Yes, [&](Session& session) -> Expected<Tenant> {
    const auto found = session.run(kOfKey, {digest});
    if (!found) return tl::make_unexpected(found.error());
    if (found->rows.empty()) return fail(Error::Kind::NotFound, "the API key is nobody's, or was revoked");
    const Row& row = found->rows.front();
    return Tenant{row.text(0), row.text(1), from_sql(row.number(2))};
  });
}

Expected<void> SqlStore::add_api_key(const ApiKey& key) {
  return on_session("add_api_key", Repeat::No, [&](Session& session) -> Expected<void> {
    const auto made = session.run(kAddKey, {key.digest, key.tenant, key.id, to_sql(key.created)});
    if (made) return {};
    if (made.error().is(Error::Kind::Exists))
      return fail(Error::Kind::Exists, "tenant '" + key.tenant + "' has a key '" + key.id + "' already, or the key is in use");
    if (made.error().is(Error::Kind::Invalid)) return fail(Error::Kind::Invalid, "there is no tenant '" + key.tenant + "'");
    return tl::make_unexpected(made.error());
  });
}

Expected<void> SqlStore::revoke_api_key(const std::string& tenant, const std::string& id) {
  return on_session("revoke_api_key", Repeat::No, [&](Session& session) -> Expected<void> {
    const auto done = session.run(kRevoke, {tenant, id});
    if (!done) return tl::make_unexpected(done.error());
    if (done->affected == 0) return fail(Error::Kind::NotFound, "tenant '" + tenant + "' has no API key '" + id + "'");
    return {};
  });
}

Expected<std::vector<ApiKey>> SqlStore::api_keys(const std::string& tenant) {
  return on_session("api_keys", Repeat::Yes, [&](Session& session) -> Expected<std::vector<ApiKey>> {
    const auto found = session.run(kKeys, {tenant});
    if (!found) return tl::make_unexpected(found.error());
    std::vector<ApiKey> keys;
    for (const Row& row : found->rows) keys.push_back({row.text(0), row.text(1), row.text(2), from_sql(row.number(3))});
    return keys;
  });
}

}  // namespace courier
