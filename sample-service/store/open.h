// How a Store is opened, and what it tells of itself meanwhile.
#pragma once

#include <memory>
#include <string>

#include "common/core/clock.h"
#include "common/telemetry/metrics.h"
#include "sample-service/store/store.h"

namespace courier {

struct StoreOptions {
  // "postgres://user@host:5432/database" or "postgresql://..." (libpq's URI, options included), or the path of an SQLite
  // file, or ":memory:", which keeps nothing.
  std::string database = "courier.db";
  std::size_t connections = 4;  // of PostgreSQL; SQLite has one
  Duration slow{100};           // statements that take longer are logged and counted
  // dependency_request_duration_seconds{dependency="database",op,outcome}, db_slow_queries_total{query},
  // db_pool_connections{state}, db_pool_wait_seconds; null: none.
  sluice::metrics::Registry* metrics = nullptr;
  const sluice::Clock* clock = nullptr;  // of Once::until; null: the machine's
};

// Opens the database, brings its schema up as far as that is harmless for older couriers (migration.h) and makes one real
// round trip. Errors: Unavailable (cannot be opened or reached: wrong password, no such host, held by another process; the
// message has the reason and never the password), Invalid (the schema does not fit this courier, or the URI is none).
//
// SQLite runs in WAL mode with synchronous=FULL: what was answered survives a crash of the machine. The file belongs to
// this process alone.
Expected<std::unique_ptr<Store>> open_store(const StoreOptions& options);

bool is_postgres_uri(const std::string& database);

// Without a connection and without a look at the schema: for migrations, and tests of them.
class SqlStore;
std::unique_ptr<SqlStore> connect_store(const StoreOptions& options);

}  // namespace courier
