// SqlStore: messages come in, once for each idempotency key.
#include <nlohmann/json.hpp>

#include "common/http/url.h"
#include "sample-service/store/intake_sql.h"
#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

const Statement kRemember{"intake_key",
                          "WITH " COURIER_TARGETS_SQL "INSERT INTO " COURIER_KEY_COLUMNS_SQL
                          " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE EXISTS (SELECT 1 FROM targets) " COURIER_REMEMBER_TAIL_SQL};
const Statement kMessage{"intake_message", "INSERT INTO " COURIER_MESSAGE_COLUMNS_SQL " VALUES ($10, $1, $11, $12, $13, $14, $15)"};
const Statement kDeliveries{"intake_deliveries", "WITH " COURIER_TARGETS_SQL "INSERT INTO " COURIER_DELIVERY_COLUMNS_SQL
                                                 " SELECT $10, endpoint, $1, receiver, url, $14, 0, 0, $8, 0, 0, '' FROM targets"};
const Statement kNotice{"intake_notice", "INSERT INTO outbox (kind, reference, created) VALUES (0, $10, $8)"};

const Statement kRecall{"recall",
                        "SELECT fingerprint, status, headers, body FROM idempotency WHERE tenant = $1 AND route = $2 AND key = $3"};
const Statement kTenant{"tenant", "SELECT 1 FROM tenants WHERE id = $1"};

const Statement kReplayKey{
    "replay_key", "INSERT INTO " COURIER_KEY_COLUMNS_SQL " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) " COURIER_REMEMBER_TAIL_SQL};
// Touches the row, so that pruning the message and replaying it wait for each other.
const Statement kReplayMessage{"replay_message", "UPDATE messages SET topic = topic WHERE id = $1 AND tenant = $2"};
const Statement kReplay{"replay",
                        "UPDATE deliveries SET state = 0, attempts = 0, run_after = $2, lease_until = 0, fence = fence + 1 "
                        "WHERE message = $1 AND state = 2"};
const Statement kReplayNotice{"replay_notice", "INSERT INTO outbox (kind, reference, created) VALUES (0, $1, $2)"};

std::string to_text(const std::map<std::string, std::string>& headers) {
  return nlohmann::json(headers).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}
std::map<std::string, std::string> headers_of(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_object() ? json.get<std::map<std::string, std::string>>() : std::map<std::string, std::string>();
}

// What deliveries to a URL are counted and limited by: its origin, within the tenant.
std::string receiver_of(const std::string& tenant, const std::string& url) {
  auto parsed = sluice::http::parse_url(url);
  if (parsed) parsed->path.clear();
  return tenant + "|" + (parsed ? to_string(*parsed) : url);
}

std::vector<Value> key_values(const Once& once) {
  return {once.tenant,
          once.route,
          once.key,
          once.fingerprint,
          static_cast<long long>(once.answer.status),
          to_text(once.answer.headers),
          once.answer.body,
          to_sql(once.now),
          to_sql(once.expires)};
}

}  // namespace

Expected<std::optional<Answer>> SqlStore::recall(Session& session, const Once& once) {
  const auto found = session.run(kRecall, {once.tenant, once.route, once.key});
  if (!found) return tl::make_unexpected(found.error());
  if (found->rows.empty()) return std::nullopt;
  const Row& row = found->rows.front();
  if (row.text(0) != once.fingerprint) {
    return fail(Error::Kind::Exists, "Idempotency-Key '" + once.key + "' was used for another request; use a new key");
  }
  return Answer{static_cast<int>(row.number(1)), headers_of(row.text(2)), row.text(3), true};
}

Expected<void> SqlStore::in_time(const Once& once) const {
  if (clock_.monotonic() < once.until) return {};
  return fail(Error::Kind::Unavailable, "database: it was too slow to begin within the time that the request allows");
}

sluice::Unexpected SqlStore::nobody(Session& session, const Once& once, const Message& message) {
  const auto tenant = session.run(kTenant, {once.tenant});
  if (!tenant) return tl::make_unexpected(tenant.error());
  if (tenant->rows.empty()) return fail(Error::Kind::Invalid, "there is no tenant '" + once.tenant + "'");
  const std::string topic = message.topic.empty() ? "messages without a topic" : "the topic '" + message.topic + "'";
  return fail(Error::Kind::Invalid,
              "field 'endpoint' is missing, no endpoint of '" + once.tenant + "' takes " + topic + ", and courier runs without a default");
}

std::vector<Value> SqlStore::intake_values(const Once& once, const Message& message, const std::string& url,
                                           const std::string& fallback_url) {
  const std::string& direct = url.empty() ? fallback_url : url;
  std::vector<Value> values = key_values(once);
  for (Value value : {Value(message.id), Value(message.topic), Value(message.payload), Value(message.traceparent),
                      Value(static_cast<long long>(message.lane)), Value(to_sql(message.received)), Value(receiver_of(once.tenant, direct)),
                      Value(direct), Value(url.empty() ? 0LL : 1LL)}) {
    values.push_back(std::move(value));
  }
  return values;
}

Expected<Answer> SqlStore::intake(const Once& once, const Message& message, const std::string& url, const std::string& fallback_url) {
  const auto values = intake_values(once, message, url, fallback_url);
  return in_transaction("intake", Repeat::Yes, [&](Session& session) -> Expected<Answer> {
    if (auto still = in_time(once); !still) return tl::make_unexpected(still.error());
    const auto remembered = session.run(kRemember, values);
    if (!remembered) return tl::make_unexpected(remembered.error());
    if (remembered->affected == 0) {
      auto before = recall(session, once);
      if (!before) return tl::make_unexpected(before.error());
      if (*before) return **before;
      return nobody(session, once, message);
    }
    for (const Statement* statement : {&kMessage, &kDeliveries, &kNotice}) {
      if (const auto done = session.run(*statement, values); !done) return tl::make_unexpected(done.error());
    }
    return once.answer;
  });
}

Expected<Answer> SqlStore::replay(const Once& once, const std::string& id) {
  return in_transaction("replay", Repeat::Yes, [&](Session& session) -> Expected<Answer> {
    if (auto set = session.set_patience(patience(once)); !set) return tl::make_unexpected(set.error());
    if (auto still = in_time(once); !still) return tl::make_unexpected(still.error());
    const auto remembered = session.run(kReplayKey, key_values(once));
    if (!remembered) return tl::make_unexpected(remembered.error());
    if (remembered->affected == 0) {
      auto before = recall(session, once);
      if (!before) return tl::make_unexpected(before.error());
      if (*before) return **before;
      return fail(Error::Kind::Unavailable, "database: an expired key was removed meanwhile");
    }
    const auto message = session.run(kReplayMessage, {id, once.tenant});
    if (!message) return tl::make_unexpected(message.error());
    if (message->affected == 0) return fail(Error::Kind::NotFound, "there is no message '" + id + "'");
    const auto replayed = session.run(kReplay, {id, to_sql(once.now)});
    if (!replayed) return tl::make_unexpected(replayed.error());
    if (replayed->affected == 0) return fail(Error::Kind::Invalid, "message '" + id + "' has no dead delivery to replay");
    if (const auto noted = session.run(kReplayNotice, {id, to_sql(once.now)}); !noted) return tl::make_unexpected(noted.error());
    return once.answer;
  });
}

}  // namespace courier
