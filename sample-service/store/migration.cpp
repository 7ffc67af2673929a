#include "sample-service/store/migration.h"

#include <algorithm>
#include <charconv>

#include "common/core/digest.h"
#include "sample-service/store/migration_files.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
  return text;
}

std::string in_dialect(std::string_view text, std::string_view engine) {
  const bool sqlite = engine == "sqlite";
  std::string sql = replaced(std::string(text), "@sequence@",
                             sqlite ? "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT" : "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY");
  return replaced(std::move(sql), " @without_rowid@", sqlite ? " WITHOUT ROWID" : "");
}

std::string called(int version, const std::string& migration) { return std::to_string(version) + " (" + migration + ")"; }

const Migration* find(const std::vector<Migration>& known, int version) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const Migration& m) { return m.version == version; });
  return found == known.end() ? nullptr : &*found;
}

// Applied migrations that this courier has, but otherwise.
Expected<void> check_checksums(const std::vector<Migration>& known, const std::vector<AppliedMigration>& applied) {
  for (const AppliedMigration& row : applied) {
    const Migration* migration = find(known, row.version);
    if (!migration || migration->checksum == row.checksum) continue;
    return fail(Error::Kind::Invalid, "schema: migration " + called(row.version, row.name) + " was applied with checksum " +
                                          row.checksum.substr(0, 12) + ", but this courier has it with " +
                                          migration->checksum.substr(0, 12) + "; applied migrations must never be edited: add a new one");
  }
  return {};
}

bool is_applied(const std::vector<AppliedMigration>& applied, int version) {
  return std::any_of(applied.begin(), applied.end(), [&](const AppliedMigration& row) { return row.version == version; });
}

}  // namespace

std::string_view name(Phase phase) { return phase == Phase::Expand ? "expand" : "contract"; }

Expected<Migration> parse_migration(std::string_view file_name, std::string_view text, std::string_view engine) {
  const auto wrong = [&](const std::string& what) {
    return fail(Error::Kind::Invalid, "migration '" + std::string(file_name) + "': " + what);
  };
  Migration migration;
  migration.checksum = sluice::sha256_hex(text);
  const auto digits = std::from_chars(file_name.data(), file_name.data() + file_name.size(), migration.version);
  const auto name_at = static_cast<std::size_t>(digits.ptr - file_name.data()) + 1;
  if (digits.ec != std::errc() || migration.version <= 0 || name_at >= file_name.size()) return wrong("the name is not NNNN_name.sql");
  migration.name = file_name.substr(name_at, file_name.rfind(".sql") - name_at);

  constexpr std::string_view kPhase = "-- phase: ";
  if (!text.starts_with(kPhase)) return wrong("the first line is not '-- phase: expand' or '-- phase: contract'");
  const std::string_view phase = text.substr(kPhase.size(), text.find('\n') - kPhase.size());
  if (phase != "expand" && phase != "contract") return wrong("phase '" + std::string(phase) + "' is neither expand nor contract");
  migration.phase = phase == "expand" ? Phase::Expand : Phase::Contract;

  constexpr std::string_view kUp = "\n-- up\n";
  constexpr std::string_view kDown = "\n-- down\n";
  const auto up = text.find(kUp);
  const auto down = text.find(kDown);
  if (up == std::string_view::npos || down == std::string_view::npos || down < up)
    return wrong("it lacks the lines '-- up' and then '-- down'");
  migration.up = in_dialect(text.substr(up + kUp.size(), down - up - kUp.size()), engine);
  migration.down = in_dialect(text.substr(down + kDown.size()), engine);
  return migration;
}

std::vector<Migration> known_migrations(std::string_view engine) {
  std::vector<Migration> known;
  for (const MigrationFile& file : migration_files()) {
    // They are part of the program: migration_test.cpp reads them all.
    if (auto migration = parse_migration(file.name, file.text, engine)) known.push_back(*std::move(migration));
  }
  return known;
}

Expected<std::vector<Migration>> plan_start(const std::vector<Migration>& known, const std::vector<AppliedMigration>& applied) {
  if (auto same = check_checksums(known, applied); !same) return tl::make_unexpected(same.error());
  for (const AppliedMigration& row : applied) {
    if (find(known, row.version) || row.phase == Phase::Expand) continue;
    return fail(Error::Kind::Invalid,
                "schema: contract migration " + called(row.version, row.name) +
                    " was applied, which this courier does not know: it removed what this one may use. Run a courier that knows it");
  }
  std::vector<Migration> plan;
  const Migration* waiting = nullptr;
  for (const Migration& migration : known) {
    if (is_applied(applied, migration.version)) continue;
    if (migration.phase == Phase::Contract) {
      if (!waiting) waiting = &migration;
    } else if (waiting) {
      return fail(Error::Kind::Invalid, "schema: this courier needs migration " + called(migration.version, migration.name) +
                                            ", which comes after contract migration " + called(waiting->version, waiting->name) +
                                            ". When no older courier runs any more: courier migrate up");
    } else {
      plan.push_back(migration);
    }
  }
  return plan;
}

Expected<void> migrate_on_start(Session& session, std::string_view engine, const std::vector<Migration>& known, sluice::Time now) {
  return with_migration_lock(session, engine, [&]() -> Expected<void> {
    const auto applied = applied_migrations(session, engine);
    if (!applied) return tl::make_unexpected(applied.error());
    const auto plan = plan_start(known, *applied);
    if (!plan) return tl::make_unexpected(plan.error());
    for (const Migration& migration : *plan) {
      if (auto done = apply_migration(session, engine, migration, now); !done) return done;
    }
    return {};
  });
}

Expected<void> migrate_up(Session& session, std::string_view engine, const std::vector<Migration>& known, sluice::Time now) {
  return with_migration_lock(session, engine, [&]() -> Expected<void> {
    const auto applied = applied_migrations(session, engine);
    if (!applied) return tl::make_unexpected(applied.error());
    if (auto same = check_checksums(known, *applied); !same) return same;
    for (const Migration& migration : known) {
      if (is_applied(*applied, migration.version)) continue;
      if (auto done = apply_migration(session, engine, migration, now); !done) return done;
    }
    return {};
  });
}

Expected<void> migrate_down(Session& session, std::string_view engine, const std::vector<Migration>& known, int version) {
  return with_migration_lock(session, engine, [&]() -> Expected<void> {
    auto applied = applied_migrations(session, engine);
    if (!applied) return tl::make_unexpected(applied.error());
    if (auto same = check_checksums(known, *applied); !same) return same;
    std::reverse(applied->begin(), applied->end());
    for (const AppliedMigration& row : *applied) {
      if (row.version > version && !find(known, row.version)) {
        return fail(Error::Kind::Invalid, "schema: migration " + called(row.version, row.name) +
                                              " is not known to this courier, so it cannot take it back; use the courier that applied it");
      }
    }
    for (const AppliedMigration& row : *applied) {
      if (row.version <= version) break;
      if (auto done = revert_migration(session, engine, *find(known, row.version)); !done) return done;
    }
    return {};
  });
}

}  // namespace courier
