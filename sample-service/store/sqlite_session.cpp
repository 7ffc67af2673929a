// The only file that includes sqlite3.
#include "sample-service/store/sqlite_session.h"

#include <sqlite3.h>

#include <chrono>
#include <map>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr const char* kSettings = R"sql(
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
BEGIN EXCLUSIVE; COMMIT;
)sql";

class SqliteSession final : public Session {
 public:
  SqliteSession(sqlite3* database, Observer& observer) : database_(database), observer_(observer) {}
  ~SqliteSession() override {
    for (const auto& [name, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }
  SqliteSession(const SqliteSession&) = delete;
  SqliteSession& operator=(const SqliteSession&) = delete;

  Expected<Result> run(const Statement& statement, const std::vector<Value>& values) override {
    const auto begin = std::chrono::steady_clock::now();
    sqlite3_stmt*& prepared = statements_[statement.name];
    if (!prepared &&
        sqlite3_prepare_v3(database_, statement.text.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr) != SQLITE_OK) {
      return broken(statement.name);
    }
    for (std::size_t i = 0; i < values.size(); ++i) bind(prepared, i + 1, values[i]);
    const auto before = sqlite3_total_changes64(database_);
    Result result;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(prepared)) == SQLITE_ROW) result.rows.push_back(read(prepared));
    result.affected = sqlite3_total_changes64(database_) - before;
    Expected<Result> outcome = std::move(result);
    if (code != SQLITE_DONE) outcome = broken(statement.name);
    sqlite3_reset(prepared);
    sqlite3_clear_bindings(prepared);
    observer_.statement(statement.name, std::chrono::steady_clock::now() - begin);
    return outcome;
  }

  Expected<void> script(const std::string& sql) override { return plain("script", sql); }
  Expected<void> begin() override { return plain("begin", "BEGIN IMMEDIATE"); }
  Expected<void> commit() override { return plain("commit", "COMMIT"); }
  void roll_back() override {
    // After some errors the engine has rolled back itself.
    if (sqlite3_get_autocommit(database_) == 0) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  // Nobody else has the file, and calls come one at a time: there is nothing to wait for.
  Expected<void> set_patience(Duration) override { return {}; }
  bool alive() override { return true; }
  bool worth_repeating() const override { return false; }

 private:
  Expected<void> plain(const char* step, const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return broken(step);
    return {};
  }

  // "$7" is a name to SQLite; parameters that a statement does not use are skipped.
  static void bind(sqlite3_stmt* statement, std::size_t number, const Value& value) {
    const int index = sqlite3_bind_parameter_index(statement, ("$" + std::to_string(number)).c_str());
    if (index == 0) return;
    if (const auto* integer = std::get_if<long long>(&value)) {
      sqlite3_bind_int64(statement, index, *integer);
    } else {
      const auto& text = std::get<std::string>(value);
      sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    }
  }

  static Row read(sqlite3_stmt* statement) {
    std::vector<std::string> cells;
    const int columns = sqlite3_column_count(statement);
    cells.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      cells.emplace_back(text ? std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, i))) : std::string());
    }
    return Row(std::move(cells));
  }

  sluice::Unexpected broken(const std::string& step) {
    const std::string why = "database: cannot " + step + ": " + sqlite3_errmsg(database_);
    switch (sqlite3_extended_errcode(database_)) {
      case SQLITE_CONSTRAINT_PRIMARYKEY:
      case SQLITE_CONSTRAINT_ROWID:
      case SQLITE_CONSTRAINT_UNIQUE: return fail(Error::Kind::Exists, why);
      case SQLITE_CONSTRAINT_FOREIGNKEY: return fail(Error::Kind::Invalid, why);
      default: return fail(Error::Kind::Unavailable, why);
    }
  }

  sqlite3* const database_;
  Observer& observer_;
  std::map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace

Expected<std::unique_ptr<Session>> open_sqlite_session(const std::string& path, Observer& observer) {
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (opened != SQLITE_OK || sqlite3_exec(database, kSettings, nullptr, nullptr, nullptr) != SQLITE_OK) {
    const std::string why = database ? sqlite3_errmsg(database) : "out of memory";
    sqlite3_close(database);
    return fail(Error::Kind::Unavailable,
                "database '" + path + "' cannot be opened: " + why + "; it needs a writable folder and belongs to one process only");
  }
  sqlite3_extended_result_codes(database, 1);
  return std::make_unique<SqliteSession>(database, observer);
}

}  // namespace courier
