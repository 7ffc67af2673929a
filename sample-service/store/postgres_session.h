// A Session on a PostgreSQL server, through libpq.
#pragma once

#include <memory>
#include <string>

#include "sample-service/store/observer.h"
#include "sample-service/store/session.h"

namespace courier {

// uri: "postgres://..." or "postgresql://...". What it does not say is set: connect_timeout 2 s, statement_timeout 4 s,
// lock_timeout 300 ms, idle_in_transaction_session_timeout 4 s. Whatever the server does, a call returns within 5 s.
// Invalid: not a URI that libpq can read. Unavailable: cannot be connected; the message never holds the password.
Expected<std::unique_ptr<Session>> open_postgres_session(const std::string& uri, Observer& observer);

}  // namespace courier
