#include <thread>

#include "sample-service/store/migration_files.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr int kTries = 150;
constexpr std::chrono::milliseconds kPause{100};
constexpr Duration kLockWait{100};
constexpr Duration kUsualWait{300};

const Statement kExists[] = {{"schema_exists", "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"},
                             {"schema_exists",
                              "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() "
                              "AND table_name = 'schema_migrations'"}};
const Statement kStrange[] = {{"schema_strange", "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'messages'"},
                              {"schema_strange",
                               "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() "
                               "AND table_name = 'messages'"}};
const Statement kList{"schema_list", "SELECT version, name, checksum, phase FROM schema_migrations ORDER BY version"};
const Statement kRecord{"schema_record",
                        "INSERT INTO schema_migrations (version, name, checksum, phase, applied) VALUES ($1, $2, $3, $4, $5)"};
const Statement kForget{"schema_forget", "DELETE FROM schema_migrations WHERE version = $1"};
// Any number that nobody else uses: this one is "courier" in ASCII.
const Statement kLock{"schema_lock", "SELECT pg_try_advisory_lock(27988572915721586)::int"};
const Statement kUnlock{"schema_unlock", "SELECT pg_advisory_unlock(27988572915721586)::int"};

constexpr const char* kTable = R"sql(CREATE TABLE IF NOT EXISTS schema_migrations (
  version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, phase TEXT NOT NULL, applied BIGINT NOT NULL))sql";

bool is_postgres(std::string_view engine) { return engine == "postgres"; }

// Calls step until it did not fail for want of a lock.
Expected<void> patiently(const std::function<Expected<void>()>& step) {
  Expected<void> done;
  for (int i = 0; i < kTries; ++i) {
    done = step();
    if (done || !done.error().is(Error::Kind::Conflict)) return done;
    std::this_thread::sleep_for(kPause);
  }
  return fail("gave up waiting for a lock", Error{Error::Kind::Unavailable, done.error().message, 0, {}});
}

Expected<void> in_transaction(Session& session, std::string_view engine, const std::string& sql, const Statement& note,
                              const std::vector<Value>& values) {
  if (is_postgres(engine)) {
    if (auto set = session.set_patience(kLockWait); !set) return set;
  }
  auto done = patiently([&]() -> Expected<void> {
    if (auto begun = session.begin(); !begun) return begun;
    auto outcome = session.script(sql);
    if (outcome) {
      if (const auto noted = session.run(note, values); !noted) outcome = tl::make_unexpected(noted.error());
    }
    if (outcome) outcome = session.commit();
    if (!outcome) session.roll_back();
    return outcome;
  });
  if (is_postgres(engine) && done) done = session.set_patience(kUsualWait);
  return done;
}

}  // namespace

Expected<void> with_migration_lock(Session& session, std::string_view engine, const std::function<Expected<void>()>& work) {
  if (!is_postgres(engine)) return work();  // an SQLite file belongs to one process
  auto locked = patiently([&]() -> Expected<void> {
    const auto got = session.run(kLock, {});
    if (!got) return tl::make_unexpected(got.error());
    if (got->rows.at(0).number(0) == 1) return {};
    return fail(Error::Kind::Conflict, "schema: another courier migrates the database");
  });
  if (!locked) return locked;
  auto done = work();
  const auto unlocked = session.run(kUnlock, {});  // the end of the connection would do it too
  if (done && !unlocked) return tl::make_unexpected(unlocked.error());
  return done;
}

Expected<std::vector<AppliedMigration>> applied_migrations(Session& session, std::string_view engine) {
  const int dialect = is_postgres(engine) ? 1 : 0;
  const auto exists = session.run(kExists[dialect], {});
  if (!exists) return tl::make_unexpected(exists.error());
  std::vector<AppliedMigration> applied;
  if (exists->rows.at(0).number(0) == 0) {
    const auto strange = session.run(kStrange[dialect], {});
    if (!strange) return tl::make_unexpected(strange.error());
    if (strange->rows.at(0).number(0) == 0) return applied;
    return fail(
        Error::Kind::Invalid,
        "schema: there is a table 'messages' but no 'schema_migrations': this database was not made by this courier; name another one");
  }
  const auto list = session.run(kList, {});
  if (!list) return tl::make_unexpected(list.error());
  for (const Row& row : list->rows) {
    applied.push_back(
        {static_cast<int>(row.number(0)), row.text(1), row.text(2), row.text(3) == "contract" ? Phase::Contract : Phase::Expand});
  }
  return applied;
}

Expected<void> apply_migration(Session& session, std::string_view engine, const Migration& migration, sluice::Time now) {
  auto done = in_transaction(session, engine, std::string(kTable) + ";\n" + migration.up, kRecord,
                             {static_cast<long long>(migration.version), migration.name, migration.checksum,
                              std::string(name(migration.phase)), static_cast<long long>(now.time_since_epoch().count())});
  if (!done) return fail("migration " + std::to_string(migration.version) + " (" + migration.name + ")", done.error());
  return done;
}

Expected<void> revert_migration(Session& session, std::string_view engine, const Migration& migration) {
  auto done = in_transaction(session, engine, migration.down, kForget, {static_cast<long long>(migration.version)});
  if (!done) return fail("taking back migration " + std::to_string(migration.version) + " (" + migration.name + ")", done.error());
  return done;
}

}  // namespace courier
