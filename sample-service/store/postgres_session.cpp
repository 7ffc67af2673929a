// The only file that includes libpq.
#include "sample-service/store/postgres_session.h"

#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <set>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using std::chrono::steady_clock;

constexpr Duration kUsualPatience{300};
constexpr std::chrono::milliseconds kAnswer{5'000};  // longer than the server's own limits, which answer with a reason
constexpr std::string_view kLost = "08006";          // our own use of SQLSTATE connection_failure
constexpr Oid kInteger = 20;                         // int8
constexpr Oid kText = 25;

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;
struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using ConnectionPtr = std::unique_ptr<PGconn, Finish>;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

class PostgresSession final : public Session {
 public:
  PostgresSession(ConnectionPtr connection, Observer& observer) : connection_(std::move(connection)), observer_(observer) {
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
  }

  Expected<void> prepare(const Statement& statement, const std::vector<Value>& values) override {
    if (prepared_.contains(statement.name)) return {};
    std::vector<Oid> types;
    for (const Value& value : values) types.push_back(std::holds_alternative<std::string>(value) ? kText : kInteger);
    const auto made = finish(statement.name, PQsendPrepare(connection_.get(), statement.name.c_str(), statement.text.c_str(),
                                                           static_cast<int>(types.size()), types.data()));
    if (!made) return tl::make_unexpected(made.error());
    prepared_.insert(statement.name);
    return {};
  }

  Expected<Result> run(const Statement& statement, const std::vector<Value>& values) override {
    const auto begin = steady_clock::now();
    if (auto ready = prepare(statement, values); !ready) return tl::make_unexpected(ready.error());
    std::vector<std::string> texts;
    for (const Value& value : values) {
      const auto* text = std::get_if<std::string>(&value);
      texts.push_back(text ? *text : std::to_string(std::get<long long>(value)));
    }
    std::vector<const char*> pointers;
    std::vector<int> lengths;
    for (const std::string& text : texts) {
      // The wire format is the same, but a text with a zero byte would be cut where it stands.
      if (text.find('\0') != std::string::npos)
        return fail(Error::Kind::Invalid, "database: a text holds a zero byte, which it cannot store");
      pointers.push_back(text.c_str());
      lengths.push_back(static_cast<int>(text.size()));
    }
    auto result = finish(statement.name, PQsendQueryPrepared(connection_.get(), statement.name.c_str(), static_cast<int>(pointers.size()),
                                                             pointers.data(), lengths.data(), nullptr, 0));
    observer_.statement(statement.name, steady_clock::now() - begin);
    return result;
  }

  Expected<void> script(const std::string& sql) override { return plain("script", sql); }
  Expected<void> begin() override { return plain("begin", "BEGIN"); }
  Expected<void> commit() override { return plain("commit", "COMMIT"); }
  void roll_back() override {
    if (alive() && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE) {
      const bool repeat = repeat_;
      (void)plain("roll back", "ROLLBACK");
      repeat_ = repeat;
    }
  }

  Expected<void> set_patience(Duration patience) override {
    // A few values only, so that a change is rare.
    Duration value = kUsualPatience;
    for (const Duration step : {Duration(200), Duration(100), Duration(50)}) {
      if (patience <= step) value = step;
    }
    if (value == patience_) return {};
    auto set = plain("set lock_timeout", "SET lock_timeout = " + std::to_string(value.count()));
    if (set) patience_ = value;
    return set;
  }

  bool alive() override {
    if (!connection_ || PQstatus(connection_.get()) != CONNECTION_OK) return false;
    // Reads without waiting: the end of the connection is seen here, and the server's last words go to the notice processor.
    return PQconsumeInput(connection_.get()) == 1 && PQstatus(connection_.get()) == CONNECTION_OK && !readable_end();
  }
  bool worth_repeating() const override { return repeat_; }

 private:
  // A server that ended us has sent an error that nobody asked for; libpq keeps it until it is read.
  bool readable_end() {
    pollfd descriptor{PQsocket(connection_.get()), POLLIN | POLLRDHUP, 0};
    return ::poll(&descriptor, 1, 0) > 0 && (descriptor.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  }

  Expected<void> plain(const std::string& step, const std::string& sql) {
    const auto done = finish(step, PQsendQuery(connection_.get(), sql.c_str()));
    if (!done) return tl::make_unexpected(done.error());
    return {};
  }

  // The outcome of what was just sent.
  Expected<Result> finish(const std::string& step, int sent) {
    repeat_ = false;
    if (sent != 1) return lost(step, trimmed(PQerrorMessage(connection_.get())));
    const auto give_up = steady_clock::now() + kAnswer;
    ResultPtr last;
    std::optional<Error> failure;
    for (;;) {
      if (!wait_for_answer(give_up)) {
        const bool silent = PQstatus(connection_.get()) == CONNECTION_OK;
        auto gone = lost(step, silent ? "no answer in 5 s" : trimmed(PQerrorMessage(connection_.get())));
        repeat_ = !silent;  // a server that says nothing would take as long again
        return gone;
      }
      ResultPtr next(PQgetResult(connection_.get()));
      if (!next) break;
      const auto status = PQresultStatus(next.get());
      if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && !failure) failure = refused(step, next.get());
      last = std::move(next);
    }
    if (failure) {
      if (PQstatus(connection_.get()) != CONNECTION_OK) repeat_ = true;
      return tl::make_unexpected(*failure);
    }
    if (!last) return lost(step, trimmed(PQerrorMessage(connection_.get())));
    return read(last.get());
  }

  // True: PQgetResult will not block.
  bool wait_for_answer(steady_clock::time_point give_up) {
    for (;;) {
      const int unsent = PQflush(connection_.get());
      if (unsent < 0) return false;
      if (unsent == 0 && PQisBusy(connection_.get()) == 0) return true;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - steady_clock::now()).count();
      if (left <= 0) return false;
      pollfd descriptor{PQsocket(connection_.get()), static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0)), 0};
      if (::poll(&descriptor, 1, static_cast<int>(left)) < 0 && errno != EINTR) return false;
      // After an error PQgetResult has the reason.
      if (PQconsumeInput(connection_.get()) == 0) return PQisBusy(connection_.get()) == 0;
    }
  }

  sluice::Unexpected lost(const std::string& step, const std::string& why) {
    repeat_ = true;
    connection_.reset();
    prepared_.clear();
    return fail(Error::Kind::Unavailable, "database: cannot " + step + ": " + (why.empty() ? "the connection was lost" : why));
  }

  Error refused(const std::string& step, const PGresult* result) {
    const char* state_field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view state = state_field ? state_field : kLost;
    Error error{Error::Kind::Unavailable, "database: cannot " + step + ": " + trimmed(PQresultErrorMessage(result)), 0, {}};
    if (state == "23505") error.kind = Error::Kind::Exists;
    if (state == "23503") error.kind = Error::Kind::Invalid;
    if (state == "55P03") error = {Error::Kind::Conflict, error.message, 0, Duration(1'000)};
    // serialization_failure, deadlock_detected, and the end of the session by an administrator or a crash
    repeat_ = state == "40001" || state == "40P01" || state.starts_with("57P") || state == kLost;
    return error;
  }

  static Result read(const PGresult* result) {
    Result read;
    const int rows = PQntuples(result);
    const int columns = PQnfields(result);
    for (int r = 0; r < rows; ++r) {
      std::vector<std::string> cells;
      for (int c = 0; c < columns; ++c) cells.emplace_back(PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c)));
      read.rows.emplace_back(std::move(cells));
    }
    const char* affected = PQcmdTuples(const_cast<PGresult*>(result));  // does not change it
    read.affected = affected && *affected ? std::stoll(affected) : 0;
    return read;
  }

  ConnectionPtr connection_;
  Observer& observer_;
  std::set<std::string> prepared_;
  Duration patience_ = kUsualPatience;
  bool repeat_ = false;
};

}  // namespace

Expected<std::unique_ptr<Session>> open_postgres_session(const std::string& uri, Observer& observer) {
  char* why = nullptr;
  PQconninfoOption* options = PQconninfoParse(uri.c_str(), &why);
  if (!options) {
    PQfreemem(why);  // it may quote the URI, password and all
    return fail(Error::Kind::Invalid, "database: this is no URI that libpq can read; write postgres://user:password@host:5432/database");
  }
  PQconninfoFree(options);
  // What the URI says comes last and wins.
  static constexpr std::array<const char*, 8> kNames{"connect_timeout",  "application_name", "client_encoding", "keepalives_idle",
                                                     "tcp_user_timeout", "options",          "dbname",          nullptr};
  const std::array<const char*, 8> values{
      "2",         "courier", "UTF8",
      "5",         "5000",    "-c lock_timeout=300 -c statement_timeout=4000 -c idle_in_transaction_session_timeout=4000 -c timezone=UTC",
      uri.c_str(), nullptr};
  ConnectionPtr connection(PQconnectdbParams(kNames.data(), values.data(), 1));
  if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
    return fail(Error::Kind::Unavailable,
                "database: cannot connect: " + (connection ? trimmed(PQerrorMessage(connection.get())) : "out of memory"));
  }
  PQsetnonblocking(connection.get(), 1);
  return std::make_unique<PostgresSession>(std::move(connection), observer);
}

}  // namespace courier
