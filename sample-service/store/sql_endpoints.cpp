// SqlStore: endpoints. Each change raises the version and leaves a notice, so that caches elsewhere hear of it.
#include "sample-service/store/paging.h"
#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

#define COURIER_ENDPOINT_COLUMNS_SQL "id, tenant, url, secret, topics, state, max_inflight, version, created, updated, old_secrets"

// Locks the tenant in PostgreSQL (a row that is updated), so that two callers cannot both create the last one allowed.
const Statement kLockTenant{"endpoint_tenant", "UPDATE tenants SET name = name WHERE id = $1"};
const Statement kCount{"endpoint_count", "SELECT count(*) FROM endpoints WHERE tenant = $1"};
const Statement kCreate{"endpoint_create",
                        "INSERT INTO endpoints (" COURIER_ENDPOINT_COLUMNS_SQL ") VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, '')"};
const Statement kGet{"endpoint", "SELECT " COURIER_ENDPOINT_COLUMNS_SQL " FROM endpoints WHERE id = $1 AND tenant = $2"};
const Statement kList{"endpoints",
                      "SELECT " COURIER_ENDPOINT_COLUMNS_SQL " FROM endpoints WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3"};
const Statement kUpdate{
    "endpoint_update",
    "UPDATE endpoints SET url = $4, secret = $5, topics = $6, state = $7, max_inflight = $8, updated = $9, old_secrets = $10, "
    "version = version + 1 WHERE id = $1 AND tenant = $2 AND version = $3 RETURNING " COURIER_ENDPOINT_COLUMNS_SQL};
const Statement kDelete{"endpoint_delete",
                        "DELETE FROM endpoints WHERE id = $1 AND tenant = $2 AND ($3 = 0 OR version = $3) RETURNING version"};
const Statement kNotice{"endpoint_notice", "INSERT INTO outbox (kind, reference, created) VALUES (1, $1, $2)"};
const Statement kStats{"endpoint_stats",
                       "SELECT COALESCE(s.pending, 0), COALESCE(s.delivered, 0), COALESCE(s.dead, 0), COALESCE(s.attempts, 0), "
                       "COALESCE(s.refreshed, 0) FROM endpoints e LEFT JOIN delivery_stats s ON s.endpoint = e.id "
                       "WHERE e.id = $1 AND e.tenant = $2"};

// ",a,b,", or nothing: see intake_sql.h.
std::string text_of(const std::vector<std::string>& topics) {
  std::string text;
  for (const std::string& topic : topics) text += (text.empty() ? "," : "") + topic + ",";
  return text;
}

std::vector<std::string> topics_of(const std::string& text) {
  std::vector<std::string> topics;
  for (std::size_t begin = 1; begin < text.size();) {
    const auto end = text.find(',', begin);
    topics.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return topics;
}

Endpoint endpoint_of(const Row& row) {
  return {row.text(0),
          row.text(1),
          row.text(2),
          row.text(3),
          topics_of(row.text(4)),
          static_cast<EndpointState>(row.number(5)),
          static_cast<int>(row.number(6)),
          row.number(7),
          from_sql(row.number(8)),
          from_sql(row.number(9)),
          old_secrets_of(row.text(10))};
}

sluice::Unexpected unknown(const std::string& id) { return fail(Error::Kind::NotFound, "there is no endpoint '" + id + "'"); }

// Why an update or delete that asks for a version hit nothing.
sluice::Unexpected missed(Session& session, const std::string& tenant, const std::string& id, long long version) {
  const auto found = session.run(kGet, {id, tenant});
  if (!found) return tl::make_unexpected(found.error());
  if (found->rows.empty()) return unknown(id);
  return fail(Error::Kind::Conflict, "endpoint '" + id + "' has version " + found->rows.front().text(7) + " by now, not " +
                                         std::to_string(version) + "; read it again and decide again");
}

Expected<void> notify(Session& session, const std::string& id, long long version, Time now) {
  const auto noted = session.run(kNotice, {id + "@" + std::to_string(version), to_sql(now)});
  if (!noted) return tl::make_unexpected(noted.error());
  return {};
}

}  // namespace

Expected<Endpoint> SqlStore::create_endpoint(const Endpoint& endpoint) {
  return in_transaction("create_endpoint", Repeat::No, [&](Session& session) -> Expected<Endpoint> {
    const auto tenant = session.run(kLockTenant, {endpoint.tenant});
    if (!tenant) return tl::make_unexpected(tenant.error());
    if (tenant->affected == 0) return fail(Error::Kind::Invalid, "there is no tenant '" + endpoint.tenant + "'");
    const auto count = session.run(kCount, {endpoint.tenant});
    if (!count) return tl::make_unexpected(count.error());
    if (count->rows.front().number(0) >= static_cast<long long>(kMaxEndpoints)) {
      return fail(Error::Kind::Forbidden, "tenant '" + endpoint.tenant + "' has " + std::to_string(kMaxEndpoints) +
                                              " endpoints, which is the most; delete one first");
    }
    const auto made = session.run(
        kCreate, {endpoint.id, endpoint.tenant, endpoint.url, endpoint.secret, text_of(endpoint.topics),
                  static_cast<long long>(endpoint.state), static_cast<long long>(endpoint.max_inflight), to_sql(endpoint.created)});
    if (!made) {
      if (made.error().is(Error::Kind::Exists)) return fail(Error::Kind::Exists, "there is an endpoint '" + endpoint.id + "' already");
      return tl::make_unexpected(made.error());
    }
    if (auto noted = notify(session, endpoint.id, 1, endpoint.created); !noted) return tl::make_unexpected(noted.error());
    Endpoint created = endpoint;
    created.version = 1;
    created.updated = created.created;
    return created;
  });
}

Expected<Endpoint> SqlStore::endpoint(const std::string& tenant, const std::string& id) {
  return on_session("endpoint", Repeat::Yes, [&](Session& session) -> Expected<Endpoint> {
    const auto found = session.run(kGet, {id, tenant});
    if (!found) return tl::make_unexpected(found.error());
    if (found->rows.empty()) return unknown(id);
    return endpoint_of(found->rows.front());
  });
}

Expected<Slice<Endpoint>> SqlStore::endpoints(const std::string& tenant, const Page& page) {
  return on_session("endpoints", Repeat::Yes, [&](Session& session) -> Expected<Slice<Endpoint>> {
    const auto found = session.run(kList, {tenant, page.after.empty() ? std::string(kAfterAll) : page.after, rows_to_read(page)});
    if (!found) return tl::make_unexpected(found.error());
    return slice<Endpoint>(*found, page, endpoint_of, [](const Endpoint& last) { return last.id; });
  });
}

Expected<Endpoint> SqlStore::update_endpoint(const Endpoint& endpoint) {
  return in_transaction("update_endpoint", Repeat::No, [&](Session& session) -> Expected<Endpoint> {
    const auto done =
        session.run(kUpdate, {endpoint.id, endpoint.tenant, endpoint.version, endpoint.url, endpoint.secret, text_of(endpoint.topics),
                              static_cast<long long>(endpoint.state), static_cast<long long>(endpoint.max_inflight),
                              to_sql(endpoint.updated), to_text(endpoint.old_secrets)});
    if (!done) return tl::make_unexpected(done.error());
    if (done->rows.empty()) return missed(session, endpoint.tenant, endpoint.id, endpoint.version);
    Endpoint updated = endpoint_of(done->rows.front());
    if (auto noted = notify(session, updated.id, updated.version, updated.updated); !noted) return tl::make_unexpected(noted.error());
    return updated;
  });
}

Expected<void> SqlStore::delete_endpoint(const std::string& tenant, const std::string& id, long long version, Time now) {
  return in_transaction("delete_endpoint", Repeat::No, [&](Session& session) -> Expected<void> {
    const auto done = session.run(kDelete, {id, tenant, version});
    if (!done) return tl::make_unexpected(done.error());
    if (done->rows.empty()) return missed(session, tenant, id, version);
    return notify(session, id, done->rows.front().number(0) + 1, now);
  });
}

Expected<EndpointStats> SqlStore::endpoint_stats(const std::string& tenant, const std::string& id) {
  return on_session("endpoint_stats", Repeat::Yes, [&](Session& session) -> Expected<EndpointStats> {
    const auto found = session.run(kStats, {id, tenant});
    if (!found) return tl::make_unexpected(found.error());
    if (found->rows.empty()) return unknown(id);
    const Row& row = found->rows.front();
    return EndpointStats{row.number(0), row.number(1), row.number(2), row.number(3), from_sql(row.number(4))};
  });
}

}  // namespace courier
