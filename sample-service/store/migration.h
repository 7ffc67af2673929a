// How the schema changes while old and new couriers run side by side.
//
// A migration is a file migrations/NNNN_name.sql with a phase, an "up" and a "down". An *expand* migration only adds what
// older couriers do not notice (tables, indexes, columns with a default), so it is applied by the first new courier that
// starts, canary or not. A *contract* migration removes what older couriers use, so it is applied only by
// `courier migrate up`, when none of them runs any more. A courier works with every schema from its newest expand
// migration before the first contract that is not applied yet, up to any number of unknown later expand migrations.
//
// schema_migrations(version, name, checksum, phase, applied) is what the database knows of itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"
#include "sample-service/store/session.h"

namespace courier {

enum class Phase { Expand, Contract };
std::string_view name(Phase phase);

struct Migration {
  int version = 0;
  std::string name{};
  Phase phase = Phase::Expand;
  std::string up{};  // SQL of one engine
  std::string down{};
  std::string checksum{};  // SHA-256 of the file: the same for all engines
};

// One row of schema_migrations.
struct AppliedMigration {
  int version = 0;
  std::string name{};
  std::string checksum{};
  Phase phase = Phase::Expand;
};

// A file's text. engine: "sqlite" or "postgres", which decides what @sequence@ and @without_rowid@ stand for. Invalid says
// what the file lacks.
Expected<Migration> parse_migration(std::string_view file_name, std::string_view text, std::string_view engine);

// Those of this courier, ascending.
std::vector<Migration> known_migrations(std::string_view engine);

// What a courier that starts should apply, in this order; nothing when there is nothing to do. Invalid: the schema does
// not fit this courier; the message says which migration is why, and what to do.
Expected<std::vector<Migration>> plan_start(const std::vector<Migration>& known, const std::vector<AppliedMigration>& applied);

// Each of these is safe to run in several processes at once, and when it was killed halfway: a migration and its row are
// one transaction. Errors: as plan_start, and Unavailable.
Expected<void> migrate_on_start(Session& session, std::string_view engine, const std::vector<Migration>& known, sluice::Time now);
// All that is known, contract migrations too.
Expected<void> migrate_up(Session& session, std::string_view engine, const std::vector<Migration>& known, sluice::Time now);
// Takes back what was applied after `version`, the newest first; 0: everything. Invalid: one of them is not known here.
Expected<void> migrate_down(Session& session, std::string_view engine, const std::vector<Migration>& known, int version);
// Ascending; empty: a new database.
Expected<std::vector<AppliedMigration>> applied_migrations(Session& session, std::string_view engine);

}  // namespace courier
