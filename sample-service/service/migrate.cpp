#include "sample-service/service/migrate.h"

#include <charconv>
#include <cstdio>

#include "common/core/clock.h"
#include "sample-service/store/migration.h"
#include "sample-service/store/open.h"
#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

constexpr const char* kUsage = R"(usage: courier migrate status | up | down VERSION

  status        what the database of COURIER_DATABASE has, and what this courier has
  up            applies all migrations, also those that keep older couriers out (phase contract)
  down VERSION  takes back what came after VERSION, the newest first; 0 removes everything
)";

int told(const Expected<void>& done) {
  if (done) return 0;
  std::fprintf(stderr, "courier migrate: %s\n", to_string(done.error()).c_str());
  return 1;
}

Expected<void> show(Session& session, const std::string& engine, const std::vector<Migration>& known) {
  const auto applied = applied_migrations(session, engine);
  if (!applied) return tl::make_unexpected(applied.error());
  for (const AppliedMigration& row : *applied) {
    std::printf("%04d %-24s %-8s applied\n", row.version, row.name.c_str(), std::string(name(row.phase)).c_str());
  }
  for (const Migration& migration : known) {
    bool there = false;
    for (const AppliedMigration& row : *applied) there = there || row.version == migration.version;
    if (!there)
      std::printf("%04d %-24s %-8s pending\n", migration.version, migration.name.c_str(), std::string(name(migration.phase)).c_str());
  }
  const auto plan = plan_start(known, *applied);
  if (!plan) return tl::make_unexpected(plan.error());
  return {};
}

}  // namespace

int migrate(const std::vector<std::string>& arguments, const Environment& environment) {
  const std::string what = arguments.empty() ? "" : arguments[0];
  int version = -1;
  if (what == "down" && arguments.size() == 2) std::from_chars(arguments[1].data(), arguments[1].data() + arguments[1].size(), version);
  const bool right = ((what == "status" || what == "up") && arguments.size() == 1) || (what == "down" && version >= 0);
  if (!right) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  StoreOptions options;
  options.database = environment("COURIER_DATABASE").value_or(options.database);
  options.connections = 1;
  const auto store = connect_store(options);
  auto session = store->session();
  if (!session) return told(tl::make_unexpected(session.error()));
  const auto known = known_migrations(store->engine());
  const Time now = sluice::SystemClock().now();
  Expected<void> done;
  if (what == "up") done = migrate_up(**session, store->engine(), known, now);
  if (what == "down") done = migrate_down(**session, store->engine(), known, version);
  const auto shown = show(**session, store->engine(), known);
  return told(done ? shown : done);
}

}  // namespace courier
