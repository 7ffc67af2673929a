// SqlStore: deliveries are lent to workers and come back.
#include "sample-service/store/claim_sql.h"
#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr long long kManyTries = 1'000'000;

// Steps from receiver to receiver along the index deliveries_due (a loose index scan), so it costs some probes for each
// receiver, however many deliveries wait for it. "lease_until > 0" is what the index deliveries_lent is of.
const Statement kBacklog{
    "backlog",
    "WITH RECURSIVE waiting (receiver) AS ("
    "SELECT min(receiver) FROM deliveries WHERE state = 0 "
    "UNION ALL SELECT (SELECT min(d.receiver) FROM deliveries d WHERE d.state = 0 AND d.receiver > w.receiver) FROM waiting w WHERE "
    "w.receiver IS NOT NULL), "
    "found AS (SELECT w.receiver, l.lane, (SELECT min(d.run_after) FROM deliveries d WHERE d.state = 0 AND d.receiver = w.receiver "
    "AND d.lane = l.lane AND d.run_after <= $1) AS oldest FROM waiting w CROSS JOIN (SELECT 0 AS lane UNION ALL SELECT 1) l WHERE "
    "w.receiver IS NOT NULL) "
    "SELECT f.receiver, COALESCE(e.tenant, ''), f.lane, f.oldest, "
    "(SELECT count(*) FROM deliveries d WHERE d.lease_until > 0 AND d.receiver = f.receiver AND d.lease_until > $1), "
    "COALESCE(e.max_inflight, 0) "
    "FROM found f LEFT JOIN endpoints e ON e.id = f.receiver WHERE f.oldest IS NOT NULL AND COALESCE(e.state, 0) = 0 ORDER BY f.receiver, "
    "f.lane"};

const Statement kClaim{
    "claim",
    "UPDATE deliveries SET lease_until = $5, run_after = $5, fence = fence + 1, attempts = attempts + 1 WHERE (message, endpoint) IN ("
    "SELECT message, endpoint FROM deliveries WHERE state = 0 AND receiver = $1 AND lane = $2 AND run_after <= $4 ORDER BY run_after LIMIT "
    "$3) "
    "RETURNING message, endpoint"};
const Statement kLoan{"loan", "SELECT " COURIER_LOAN_COLUMNS_SQL
                              "FROM deliveries d JOIN messages m ON m.id = d.message "
                              "LEFT JOIN endpoints e ON e.id = d.endpoint WHERE d.message = $1 AND d.endpoint = $2"};
const Statement kExtend{
    "extend", "UPDATE deliveries SET lease_until = $4, run_after = $4 WHERE message = $1 AND endpoint = $2 AND fence = $3 AND state = 0"};
// The fence grows here too, so that an outcome that is reported twice counts once.
const Statement kEnd{"end_loan",
                     "UPDATE deliveries SET state = $4, run_after = $5, last_error = $6, attempts = attempts - $7, lease_until = 0, "
                     "fence = fence + 1 WHERE message = $1 AND endpoint = $2 AND fence = $3 AND state = 0"};

const Statement kNobodyLends{"nobody_lends", "UPDATE deliveries SET lease_until = 0 WHERE lease_until > 0"};
const Statement kNobodyLeads{"nobody_leads", "DELETE FROM leaders"};
const Statement kSooner{"sooner", "UPDATE deliveries SET run_after = $3 WHERE state = 0 AND run_after > $3 AND attempts BETWEEN $1 AND $2"};

}  // namespace

Expected<std::vector<Backlog>> SqlStore::backlog(Time now) {
  return on_session("backlog", Repeat::Yes, [&](Session& session) -> Expected<std::vector<Backlog>> {
    const auto found = session.run(kBacklog, {to_sql(now)});
    if (!found) return tl::make_unexpected(found.error());
    std::vector<Backlog> backlog;
    for (const Row& row : found->rows) {
      Backlog entry{row.text(0),
                    row.text(1),
                    static_cast<Lane>(row.number(2)),
                    from_sql(row.number(3)),
                    static_cast<int>(row.number(4)),
                    static_cast<int>(row.number(5))};
      if (const auto bar = entry.receiver.find('|'); entry.tenant.empty() && bar != std::string::npos)
        entry.tenant = entry.receiver.substr(0, bar);
      backlog.push_back(std::move(entry));
    }
    return backlog;
  });
}

Loan SqlStore::loan_of(const Row& row) {
  Loan loan;
  loan.delivery = {
      row.text(0), row.text(1), row.text(2), row.text(3), State::Pending, static_cast<int>(row.number(4)), from_sql(row.number(5)),
      row.text(6)};
  loan.payload = row.text(7);
  loan.traceparent = row.text(8);
  loan.secret = row.text(9);
  loan.receiver = row.text(10);
  loan.lane = static_cast<Lane>(row.number(11));
  loan.lease_until = from_sql(row.number(12));
  loan.fence = row.number(13);
  loan.old_secrets = old_secrets_of(row.text(14));
  loan.received = from_sql(row.number(15));
  return loan;
}

Expected<std::vector<Loan>> SqlStore::claim(const std::vector<Pick>& picks, Time now, Duration lease) {
  return in_transaction("claim", Repeat::No, [&](Session& session) -> Expected<std::vector<Loan>> {
    std::vector<Loan> loans;
    for (const Pick& pick : picks) {
      const auto taken = session.run(
          kClaim, {pick.receiver, static_cast<long long>(pick.lane), static_cast<long long>(pick.count), to_sql(now), to_sql(now + lease)});
      if (!taken) return tl::make_unexpected(taken.error());
      for (const Row& row : taken->rows) {
        const auto loan = session.run(kLoan, {row.text(0), row.text(1)});
        if (!loan) return tl::make_unexpected(loan.error());
        if (!loan->rows.empty()) loans.push_back(loan_of(loan->rows.front()));
      }
    }
    return loans;
  });
}

Expected<std::size_t> SqlStore::extend(const std::vector<Loan>& loans, Time lease_until) {
  if (loans.empty()) return 0;
  return in_transaction("extend", Repeat::Yes, [&](Session& session) -> Expected<std::size_t> {
    std::size_t extended = 0;
    for (const Loan& loan : loans) {
      const auto done = session.run(kExtend, {loan.delivery.message, loan.delivery.endpoint, loan.fence, to_sql(lease_until)});
      if (!done) return tl::make_unexpected(done.error());
      extended += static_cast<std::size_t>(done->affected);
    }
    return extended;
  });
}

Expected<void> SqlStore::end(const char* op, const Loan& loan, State state, Time run_after, const std::string& error, int uncounted) {
  return on_session(op, Repeat::Yes, [&](Session& session) -> Expected<void> {
    const auto done = session.run(kEnd, {loan.delivery.message, loan.delivery.endpoint, loan.fence, static_cast<long long>(state),
                                         to_sql(run_after), error, static_cast<long long>(uncounted)});
    if (!done) return tl::make_unexpected(done.error());
    if (done->affected == 1) return {};
    return fail(Error::Kind::Conflict,
                "the delivery of message '" + loan.delivery.message + "' was lent to another worker meanwhile, or has ended");
  });
}

Expected<void> SqlStore::delivered(const Loan& loan) { return end("delivered", loan, State::Delivered, loan.delivery.run_after, "", 0); }
Expected<void> SqlStore::retry(const Loan& loan, Time run_after, const std::string& error) {
  return end("retry", loan, State::Pending, run_after, error, 0);
}
Expected<void> SqlStore::give_up(const Loan& loan, const std::string& error) {
  return end("give_up", loan, State::Dead, loan.delivery.run_after, error, 0);
}
Expected<void> SqlStore::give_back(const Loan& loan, Time now) {
  return end("give_back", loan, State::Pending, now, loan.delivery.last_error, 1);
}

Expected<std::size_t> SqlStore::begin_alone(Time now, const std::vector<Duration>& longest) {
  return in_transaction("begin_alone", Repeat::Yes, [&](Session& session) -> Expected<std::size_t> {
    for (const Statement* statement : {&kNobodyLends, &kNobodyLeads}) {
      if (const auto done = session.run(*statement, {}); !done) return tl::make_unexpected(done.error());
    }
    std::size_t sooner = 0;
    for (std::size_t tries = 0; tries < longest.size(); ++tries) {
      const bool last = tries + 1 == longest.size();
      const auto done = session.run(
          kSooner, {static_cast<long long>(tries), last ? kManyTries : static_cast<long long>(tries), to_sql(now + longest[tries])});
      if (!done) return tl::make_unexpected(done.error());
      sooner += static_cast<std::size_t>(done->affected);
    }
    return sooner;
  });
}

}  // namespace courier
