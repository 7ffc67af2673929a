// One connection to a database, as both engines have it: numbered parameters ($1, $2, ...), text and integers, prepared
// statements. What the engines' SQL differs in is few words, so the store's statements are written once (sql_store.h).
//
// A Session is used by one thread at a time. Errors: Exists (a key that must be unique is there), Invalid (a row that is
// referred to is not), Conflict with retry_after (a lock was waited for in vain), Unavailable (all else).
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"
#include "sample-service/store/statement_name.h"

namespace courier {

using sluice::Duration;
using sluice::Expected;

struct Statement {
  Statement(StatementName short_name, std::string sql) : name(short_name.text), text(std::move(sql)) {}
  std::string name;  // for metrics and logs, and unique: it is what a prepared statement is known by
  std::string text;
};

using Value = std::variant<long long, std::string>;

class Row {
 public:
  explicit Row(std::vector<std::string> cells) : cells_(std::move(cells)) {}
  // NULL is an empty text and the number 0.
  const std::string& text(std::size_t column) const { return cells_.at(column); }
  long long number(std::size_t column) const;

 private:
  std::vector<std::string> cells_;
};

struct Result {
  std::vector<Row> rows{};
  long long affected = 0;  // rows that a statement inserted, updated or deleted
};

class Session {
 public:
  virtual ~Session() = default;

  virtual Expected<Result> run(const Statement& statement, const std::vector<Value>& values) = 0;
  // What running the statement for the first time begins with, if that is a round trip of its own.
  virtual Expected<void> prepare(const Statement& /*statement*/, const std::vector<Value>& /*values*/) { return {}; }
  // Several statements without parameters and results, e.g. a migration.
  virtual Expected<void> script(const std::string& sql) = 0;
  virtual Expected<void> begin() = 0;
  virtual Expected<void> commit() = 0;
  virtual void roll_back() = 0;
  // How long statements from now on wait for a lock.
  virtual Expected<void> set_patience(Duration patience) = 0;

  // False: the connection is gone. Costs no round trip.
  virtual bool alive() = 0;
  // The last error was bad luck (a deadlock, a lost connection): the same may succeed if it is tried again at once.
  virtual bool worth_repeating() const = 0;
};

}  // namespace courier
