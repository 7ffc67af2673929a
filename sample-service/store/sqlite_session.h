// A Session on an SQLite file.
#pragma once

#include <memory>
#include <string>

#include "sample-service/store/observer.h"
#include "sample-service/store/session.h"

namespace courier {

// Takes the file for this process alone. Unavailable: it cannot be opened, or another process has it.
Expected<std::unique_ptr<Session>> open_sqlite_session(const std::string& path, Observer& observer);

}  // namespace courier
