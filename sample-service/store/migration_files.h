// Pieces behind migration.h: the embedded files, and single steps against a database.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "sample-service/store/migration.h"

namespace courier {

struct MigrationFile {
  std::string_view name;
  std::string_view text;
};
// Generated from migrations/*.sql, by name.
const std::vector<MigrationFile>& migration_files();

// Runs work while no other process migrates the same database; waits for it for up to 30 s. Unavailable: in vain.
Expected<void> with_migration_lock(Session& session, std::string_view engine, const std::function<Expected<void>()>& work);

// One migration and its row in one transaction. On PostgreSQL it waits at most 100 ms for a lock, so that it does not
// hold up those who run, and tries again, for up to 30 s.
Expected<void> apply_migration(Session& session, std::string_view engine, const Migration& migration, sluice::Time now);
Expected<void> revert_migration(Session& session, std::string_view engine, const Migration& migration);

}  // namespace courier
