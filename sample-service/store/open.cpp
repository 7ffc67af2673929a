#include "sample-service/store/open.h"

#include "common/core/clock.h"
#include "sample-service/store/migration.h"
#include "sample-service/store/postgres_session.h"
#include "sample-service/store/postgres_store.h"
#include "sample-service/store/sqlite_session.h"

namespace courier {

bool is_postgres_uri(const std::string& database) { return database.starts_with("postgres://") || database.starts_with("postgresql://"); }

std::unique_ptr<SqlStore> connect_store(const StoreOptions& options) {
  auto observer = std::make_unique<Observer>(options.metrics, options.slow);
  Observer& seen = *observer;
  static const sluice::SystemClock machine;
  const sluice::Clock& clock = options.clock ? *options.clock : machine;
  if (is_postgres_uri(options.database)) {
    return std::make_unique<PostgresStore>(
        "postgres", options.connections, [uri = options.database, &seen] { return open_postgres_session(uri, seen); }, std::move(observer),
        clock);
  }
  return std::make_unique<SqlStore>(
      "sqlite", 1, [path = options.database, &seen] { return open_sqlite_session(path, seen); }, std::move(observer), clock);
}

Expected<std::unique_ptr<Store>> open_store(const StoreOptions& options) {
  auto store = connect_store(options);
  for (int tries = 3;; --tries) {
    auto session = store->session();
    if (!session) return tl::make_unexpected(session.error());
    const auto fits = migrate_on_start(**session, store->engine(), known_migrations(store->engine()), sluice::SystemClock().now());
    if (fits) break;
    // A connection that is cut while a courier starts should not cost a restart.
    if (tries == 1 || !(*session)->worth_repeating()) return tl::make_unexpected(fits.error());
  }
  if (const auto answers = store->ping(); !answers) return tl::make_unexpected(answers.error());
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace courier
