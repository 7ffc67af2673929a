// The only file that includes sqlite3.
#include <sqlite3.h>

#include <map>

#include "sample-service/store/store.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr const char* kSchema = R"sql(
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS messages (
  id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, body TEXT NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,
  received INTEGER NOT NULL, run_after INTEGER NOT NULL, lease_until INTEGER NOT NULL, fence INTEGER NOT NULL,
  last_error TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due ON messages (run_after) WHERE state = 0;
CREATE INDEX IF NOT EXISTS age ON messages (received);
CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, id TEXT NOT NULL, answer TEXT NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
BEGIN EXCLUSIVE; COMMIT;
)sql";

long long to_sql(Time time) { return time.time_since_epoch().count(); }
Time from_sql(long long milliseconds) { return Time(Duration(milliseconds)); }

// One execution of a prepared statement; resets it when it goes.
class Run {
 public:
  explicit Run(sqlite3_stmt* statement) : statement_(statement) {}
  ~Run() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Run& bind(const std::string& text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Run& bind(long long number) {
    sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }
  bool row() { return (result_ = sqlite3_step(statement_)) == SQLITE_ROW; }
  bool done() {
    while (row()) {}
    return result_ == SQLITE_DONE;
  }
  bool failed() const { return result_ != SQLITE_ROW && result_ != SQLITE_DONE; }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
  }
  long long number(int column) const { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3_stmt* statement_;
  int bound_ = 0;
  int result_ = SQLITE_DONE;
};

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(sqlite3* database) : database_(database) {}
  ~SqliteStore() override {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }

  Expected<StoredAnswer> intake(const std::string& key, const std::string& request_fingerprint, const Message& message,
                                const std::string& answer) override {
    {
      Run find(prepare("SELECT fingerprint, id, answer FROM idempotency WHERE key = ?"));
      if (find.bind(key).row()) {
        if (find.text(0) != request_fingerprint) {
          return fail(Error::Kind::Conflict, "Idempotency-Key '" + key + "' was used for another request; use a new key");
        }
        return StoredAnswer{find.text(1), find.text(2), true};
      }
      if (find.failed()) return broken("look up an idempotency key");
    }
    if (!Run(prepare("BEGIN IMMEDIATE")).done()) return broken("begin");
    Run insert(prepare("INSERT INTO messages VALUES (?, ?, ?, 0, 0, ?, ?, 0, 0, '')"));
    Run remember(prepare("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)"));
    const bool stored =
        insert.bind(message.id).bind(message.endpoint).bind(message.body).bind(to_sql(message.received)).bind(to_sql(message.run_after)).done() &&
        remember.bind(key).bind(request_fingerprint).bind(message.id).bind(answer).bind(to_sql(message.received)).done() &&
        Run(prepare("COMMIT")).done();
    if (!stored) {
      auto error = broken("store a message");
      Run(prepare("ROLLBACK")).done();
      return error;
    }
    return StoredAnswer{message.id, answer, false};
  }

  Expected<Message> lookup(const std::string& id) override {
    Run find(prepare("SELECT id, endpoint, body, state, attempts, received, run_after, last_error FROM messages WHERE id = ?"));
    if (find.bind(id).row()) return read(find);
    if (find.failed()) return broken("look up a message");
    return fail(Error::Kind::NotFound, "there is no message '" + id + "'");
  }

  Expected<std::optional<Loan>> claim(Time now, Duration lease) override {
    Run take(prepare("UPDATE messages SET lease_until = ?, fence = fence + 1, attempts = attempts + 1 WHERE id = ("
                     "SELECT id FROM messages WHERE state = 0 AND run_after <= ? AND lease_until <= ? ORDER BY run_after LIMIT 1) "
                     "RETURNING id, endpoint, body, state, attempts, received, run_after, last_error, fence"));
    if (take.bind(to_sql(now + lease)).bind(to_sql(now)).bind(to_sql(now)).row()) {
      Loan loan{read(take), take.number(8)};
      take.done();                         // the update is committed with the last step
      return loan;
    }
    if (take.failed()) return broken("claim a message");
    return std::nullopt;
  }

  Expected<void> delivered(const Loan& loan) override { return end(loan, State::Delivered, loan.message.run_after, "", 0); }
  Expected<void> retry(const Loan& loan, Time run_after, const std::string& error) override {
    return end(loan, State::Pending, run_after, error, 0);
  }
  Expected<void> give_up(const Loan& loan, const std::string& error) override {
    return end(loan, State::Dead, loan.message.run_after, error, 0);
  }
  Expected<void> give_back(const Loan& loan) override {
    return end(loan, State::Pending, loan.message.run_after, loan.message.last_error, 1);
  }

  Expected<long long> pending() override {
    Run count(prepare("SELECT count(*) FROM messages WHERE state = 0"));
    if (!count.row()) return broken("count messages");
    return count.number(0);
  }

  Expected<long long> prune(Time before) override {
    long long rows = 0;
    for (const char* sql : {"DELETE FROM idempotency WHERE created < ?", "DELETE FROM messages WHERE state != 0 AND received < ?"}) {
      Run remove(prepare(sql));
      if (!remove.bind(to_sql(before)).done()) return broken("prune");
      rows += sqlite3_changes64(database_);
    }
    return rows;
  }

 private:
  static Message read(const Run& row) {
    return {row.text(0), row.text(1), row.text(2), static_cast<State>(row.number(3)), static_cast<int>(row.number(4)),
            from_sql(row.number(5)), from_sql(row.number(6)), row.text(7)};
  }

  Expected<void> end(const Loan& loan, State state, Time run_after, const std::string& error, int uncounted) {
    Run update(prepare("UPDATE messages SET state = ?, run_after = ?, last_error = ?, attempts = attempts - ?, lease_until = 0 "
                       "WHERE id = ? AND fence = ? AND state = 0"));
    update.bind(static_cast<long long>(state)).bind(to_sql(run_after)).bind(error).bind(static_cast<long long>(uncounted));
    if (!update.bind(loan.message.id).bind(loan.fence).done()) return broken("update a message");
    if (sqlite3_changes64(database_) == 0) {
      return fail(Error::Kind::Conflict, "message '" + loan.message.id + "' was lent to another worker meanwhile");
    }
    return {};
  }

  // Null when it cannot be prepared; every use of a null statement fails, which broken() then explains.
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt*& statement = statements_[sql];
    if (!statement) sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    return statement;
  }

  sluice::Unexpected broken(const std::string& step) {
    return fail(Error::Kind::Unavailable, "database: cannot " + step + ": " + sqlite3_errmsg(database_));
  }

  sqlite3* database_;
  std::map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace

Expected<std::unique_ptr<Store>> open_sqlite(const std::string& path) {
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (opened != SQLITE_OK || sqlite3_exec(database, kSchema, nullptr, nullptr, nullptr) != SQLITE_OK) {
    const std::string why = database ? sqlite3_errmsg(database) : "out of memory";
    sqlite3_close(database);
    return fail(Error::Kind::Unavailable, "database '" + path + "' cannot be opened: " + why +
                                              "; it needs a writable folder and belongs to one process only");
  }
  return std::make_unique<SqliteStore>(database);
}

}  // namespace courier
