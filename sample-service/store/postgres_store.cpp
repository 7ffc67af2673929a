#include "sample-service/store/postgres_store.h"

#include "sample-service/store/claim_sql.h"
#include "sample-service/store/intake_sql.h"

namespace courier {
namespace {

using sluice::Error;

// Key and effect are one statement, so they are there together or not at all. A racing duplicate waits in ON CONFLICT
// until the first one has ended, at most lock_timeout long.
const Statement kIntake{"intake",
                        "WITH " COURIER_TARGETS_SQL
                        ", "
                        "remembered AS (INSERT INTO " COURIER_KEY_COLUMNS_SQL
                        " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE EXISTS (SELECT 1 FROM targets) " COURIER_REMEMBER_TAIL_SQL
                        "RETURNING 1 AS one), "
                        "message AS (INSERT INTO " COURIER_MESSAGE_COLUMNS_SQL
                        " SELECT $10, $1, $11, $12, $13, $14, $15 FROM remembered), "
                        "delivery AS (INSERT INTO " COURIER_DELIVERY_COLUMNS_SQL
                        " SELECT $10, endpoint, $1, receiver, url, $14, 0, 0, $8, 0, 0, '' FROM targets, remembered), "
                        "notice AS (INSERT INTO outbox (kind, reference, created) SELECT 0, $10, $8 FROM remembered) "
                        "SELECT count(*) FROM remembered"};

// SKIP LOCKED: another process that claims from the same receiver takes the next ones. The picks come as lists.
const Statement kClaim{
    "claim",
    "WITH pick AS (SELECT * FROM unnest(string_to_array($1, ' '), string_to_array($2, ' ')::int[], string_to_array($3, ' ')::int[]) "
    "AS p (receiver, lane, count)), "
    "taken AS MATERIALIZED (SELECT due.message, due.endpoint FROM pick CROSS JOIN LATERAL (SELECT message, endpoint FROM deliveries "
    "WHERE state = 0 AND receiver = pick.receiver AND lane = pick.lane AND run_after <= $4 ORDER BY run_after LIMIT pick.count "
    "FOR UPDATE SKIP LOCKED) due), "
    "d AS (UPDATE deliveries SET lease_until = $5, run_after = $5, fence = fence + 1, attempts = attempts + 1 FROM taken "
    "WHERE deliveries.message = taken.message AND deliveries.endpoint = taken.endpoint RETURNING deliveries.*) "
    "SELECT " COURIER_LOAN_COLUMNS_SQL "FROM d JOIN messages m ON m.id = d.message LEFT JOIN endpoints e ON e.id = d.endpoint"};

}  // namespace

Expected<Answer> PostgresStore::intake(const Once& once, const Message& message, const std::string& url, const std::string& fallback_url) {
  const auto values = intake_values(once, message, url, fallback_url);
  return on_session("intake", Repeat::Yes, [&](Session& session) -> Expected<Answer> {
    if (auto set = session.set_patience(patience(once)); !set) return tl::make_unexpected(set.error());
    if (auto ready = session.prepare(kIntake, values); !ready) return tl::make_unexpected(ready.error());
    if (auto still = in_time(once); !still) return tl::make_unexpected(still.error());
    const auto stored = session.run(kIntake, values);
    if (!stored) return tl::make_unexpected(stored.error());
    if (stored->rows.at(0).number(0) == 1) return once.answer;
    auto before = recall(session, once);
    if (!before) return tl::make_unexpected(before.error());
    if (*before) return **before;
    return nobody(session, once, message);
  });
}

Expected<std::vector<Loan>> PostgresStore::claim(const std::vector<Pick>& picks, Time now, Duration lease) {
  // Receivers hold no blanks: they are ids, or tenant and origin.
  std::string receivers;
  std::string lanes;
  std::string counts;
  for (const Pick& pick : picks) {
    const std::string blank = receivers.empty() ? "" : " ";
    receivers += blank + pick.receiver;
    lanes += blank + std::to_string(static_cast<int>(pick.lane));
    counts += blank + std::to_string(pick.count);
  }
  if (picks.empty()) return std::vector<Loan>();
  return on_session("claim", Repeat::No, [&](Session& session) -> Expected<std::vector<Loan>> {
    const auto found = session.run(kClaim, {receivers, lanes, counts, to_sql(now), to_sql(now + lease)});
    if (!found) return tl::make_unexpected(found.error());
    std::vector<Loan> loans;
    for (const Row& row : found->rows) loans.push_back(loan_of(row));
    return loans;
  });
}

}  // namespace courier
