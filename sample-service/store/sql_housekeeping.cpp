// SqlStore: outbox, sweeping, statistics, pruning and who does them.
#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr long long kKeysAtATime = 5'000;
constexpr long long kMessagesAtATime = 500;

const Statement kOutbox{"outbox", "SELECT sequence, kind, reference FROM outbox WHERE created <= $1 ORDER BY sequence LIMIT $2"};
const Statement kForget{"outbox_forget", "DELETE FROM outbox WHERE sequence = $1"};
const Statement kOverdue{"overdue",
                         "SELECT message FROM (SELECT message, run_after FROM deliveries WHERE state = 0 AND run_after <= $1 "
                         "ORDER BY run_after LIMIT $2) late GROUP BY message"};
// The oldest ones only: every process asks each second, and a long line must not become longer by being counted.
const Statement kQueue{"queue",
                       "SELECT count(*), COALESCE(sum(CASE WHEN run_after <= $1 THEN 1 ELSE 0 END), 0), COALESCE(min(run_after), $1) "
                       "FROM (SELECT run_after FROM deliveries WHERE state = 0 ORDER BY run_after LIMIT $2) AS oldest"};
const Statement kOutboxAge{
    "outbox_age", "SELECT count(*), COALESCE(min(created), $1) FROM (SELECT created FROM outbox ORDER BY sequence LIMIT $2) AS oldest"};

const Statement kForgetStats{"stats_forget", "DELETE FROM delivery_stats"};
const Statement kKeepStats{
    "stats_keep", "INSERT INTO delivery_stats (endpoint, pending, delivered, dead, attempts, refreshed) VALUES ($1, $2, $3, $4, $5, $6)"};
const Statement kStatsPiece{"stats_piece",
                            "SELECT message, endpoint FROM deliveries WHERE (message, endpoint) > ($1, $2) ORDER BY message, endpoint "
                            "LIMIT 1 OFFSET $3"};
#define COURIER_STATS_SQL                                                                                     \
  "SELECT endpoint, sum(CASE WHEN state = 0 THEN 1 ELSE 0 END), sum(CASE WHEN state = 1 THEN 1 ELSE 0 END), " \
  "sum(CASE WHEN state = 2 THEN 1 ELSE 0 END), sum(attempts) FROM deliveries WHERE (message, endpoint) > ($1, $2) "
const Statement kCountPiece{"stats_count", COURIER_STATS_SQL "AND (message, endpoint) <= ($3, $4) GROUP BY endpoint"};
const Statement kCountRest{"stats_rest", COURIER_STATS_SQL "GROUP BY endpoint"};

const Statement kPruneKeys{"prune_keys",
                           "DELETE FROM idempotency WHERE (tenant, route, key) IN ("
                           "SELECT tenant, route, key FROM idempotency WHERE expires <= $1 LIMIT $2)"};
const Statement kPruneMessages{
    "prune_messages",
    "DELETE FROM messages WHERE id IN (SELECT m.id FROM messages m WHERE m.received < $1 AND NOT EXISTS ("
    "SELECT 1 FROM deliveries d WHERE d.message = m.id AND d.state = 0) ORDER BY m.received LIMIT $2) RETURNING id"};
const Statement kPruneDeliveries{"prune_deliveries", "DELETE FROM deliveries WHERE message = $1 AND state <> 0"};
const Statement kStillPending{"prune_check", "SELECT count(*) FROM deliveries WHERE message = $1"};

const Statement kLead{"lead",
                      "INSERT INTO leaders (chore, holder, until) VALUES ($1, $2, $4) ON CONFLICT (chore) DO UPDATE "
                      "SET holder = excluded.holder, until = excluded.until WHERE leaders.holder = excluded.holder OR leaders.until <= $3"};

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

Expected<void> without_result(Expected<Result> result) {
  if (!result) return tl::make_unexpected(std::move(result.error()));
  return {};
}

}  // namespace

Expected<std::vector<Notice>> SqlStore::outbox(Time until, std::size_t limit) {
  return on_session("outbox", Repeat::Yes, [&](Session& session) -> Expected<std::vector<Notice>> {
    const auto found = session.run(kOutbox, {to_sql(until), static_cast<long long>(limit)});
    if (!found) return tl::make_unexpected(found.error());
    std::vector<Notice> notices;
    for (const Row& row : found->rows) notices.push_back({row.number(0), static_cast<Notice::Kind>(row.number(1)), row.text(2)});
    return notices;
  });
}

Expected<void> SqlStore::forget_notices(const std::vector<long long>& sequences) {
  if (sequences.empty()) return {};
  return in_transaction("forget_notices", Repeat::Yes, [&](Session& session) -> Expected<void> {
    for (const long long sequence : sequences) {
      if (auto done = without_result(session.run(kForget, {sequence})); !done) return done;
    }
    return {};
  });
}

Expected<void> SqlStore::forget_notices_of(const std::vector<std::string>& references) {
  if (references.empty()) return {};
  const Statement forget{"outbox_forget_of", "DELETE FROM outbox WHERE reference IN " + listed()};
  return on_session("forget_notices_of", Repeat::Yes,
                    [&](Session& session) { return without_result(session.run(forget, {joined(references)})); });
}

Expected<std::vector<std::string>> SqlStore::overdue(Time since, std::size_t limit) {
  return on_session("overdue", Repeat::Yes, [&](Session& session) -> Expected<std::vector<std::string>> {
    const auto found = session.run(kOverdue, {to_sql(since), static_cast<long long>(limit)});
    if (!found) return tl::make_unexpected(found.error());
    std::vector<std::string> ids;
    for (const Row& row : found->rows) ids.push_back(row.text(0));
    return ids;
  });
}

Expected<QueueStats> SqlStore::queue(Time now) {
  return on_session("queue", Repeat::Yes, [&](Session& session) -> Expected<QueueStats> {
    const auto deliveries = session.run(kQueue, {to_sql(now), kMostCounted});
    if (!deliveries) return tl::make_unexpected(deliveries.error());
    const auto notices = session.run(kOutboxAge, {to_sql(now), kMostCounted});
    if (!notices) return tl::make_unexpected(notices.error());
    const Row& waiting = deliveries->rows.front();
    const Row& told = notices->rows.front();
    return QueueStats{waiting.number(0), waiting.number(1), std::min(now, from_sql(waiting.number(2))), told.number(0),
                      std::min(now, from_sql(told.number(1)))};
  });
}

Expected<void> SqlStore::count_stats(StatsCount& count, std::size_t most) {
  return on_session("count_stats", Repeat::Yes, [&](Session& session) -> Expected<void> {
    const auto end = session.run(kStatsPiece, {count.message, count.endpoint, static_cast<long long>(most) - 1});
    if (!end) return tl::make_unexpected(end.error());
    std::vector<Value> range{count.message, count.endpoint};
    const Row* last = end->rows.empty() ? nullptr : &end->rows.front();
    if (last) range.insert(range.end(), {last->text(0), last->text(1)});
    const auto counted = session.run(last ? kCountPiece : kCountRest, range);
    if (!counted) return tl::make_unexpected(counted.error());
    for (const Row& row : counted->rows) {
      if (row.text(0).empty()) continue;  // a URL that the message itself named
      EndpointStats& of = count.endpoints[row.text(0)];
      of.pending += row.number(1);
      of.delivered += row.number(2);
      of.dead += row.number(3);
      of.attempts += row.number(4);
    }
    if (last) {
      count.message = last->text(0);
      count.endpoint = last->text(1);
    }
    count.over = !last;
    return {};
  });
}

Expected<void> SqlStore::keep_stats(const StatsCount& count, Time now) {
  return in_transaction("keep_stats", Repeat::Yes, [&](Session& session) -> Expected<void> {
    if (auto forgotten = without_result(session.run(kForgetStats, {})); !forgotten) return forgotten;
    for (const auto& [id, of] : count.endpoints) {
      auto kept = without_result(session.run(kKeepStats, {id, of.pending, of.delivered, of.dead, of.attempts, to_sql(now)}));
      if (!kept) return kept;
    }
    return {};
  });
}

Expected<Pruned> SqlStore::prune(Time now, Time before) {
  return in_transaction("prune", Repeat::Yes, [&](Session& session) -> Expected<Pruned> {
    const auto keys = session.run(kPruneKeys, {to_sql(now), kKeysAtATime});
    if (!keys) return tl::make_unexpected(keys.error());
    const auto messages = session.run(kPruneMessages, {to_sql(before), kMessagesAtATime});
    if (!messages) return tl::make_unexpected(messages.error());
    for (const Row& row : messages->rows) {
      if (auto done = without_result(session.run(kPruneDeliveries, {row.text(0)})); !done) return tl::make_unexpected(done.error());
      const auto left = session.run(kStillPending, {row.text(0)});
      if (!left) return tl::make_unexpected(left.error());
      // Replayed between the two statements: the message stays, and so does this batch until the next time.
      if (left->rows.front().number(0) > 0) return fail(Error::Kind::Unavailable, "a message to be pruned was replayed meanwhile");
    }
    return Pruned{keys->affected, messages->affected};
  });
}

Expected<bool> SqlStore::lead(const std::string& chore, const std::string& self, Time now, Duration length) {
  return on_session("lead", Repeat::Yes, [&](Session& session) -> Expected<bool> {
    const auto done = session.run(kLead, {chore, self, to_sql(now), to_sql(now + length)});
    if (!done) return tl::make_unexpected(done.error());
    return done->affected == 1;
  });
}

}  // namespace courier
