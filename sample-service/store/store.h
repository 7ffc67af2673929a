// Where messages live. The port is made of operations, not tables, so that another engine can stand behind it
// (store_test.cpp is the contract). Every call blocks and is made on one thread: the Executor's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sample-service/domain/message.h"

namespace courier {

// The answer to an intake as it was first given, byte for byte.
struct StoredAnswer {
  std::string id;
  std::string body;
  bool replayed = false;
};

// A message lent to a worker until lease_until. The fence grows with every loan: a worker that comes too late is refused.
struct Loan {
  Message message;
  long long fence = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Stores message and answer together, or finds what was stored under the key before. Conflict: the key was used for
  // another request.
  virtual Expected<StoredAnswer> intake(const std::string& key, const std::string& request_fingerprint, const Message& message,
                                        const std::string& answer) = 0;
  // NotFound names the id.
  virtual Expected<Message> lookup(const std::string& id) = 0;
  // The oldest due message that nobody else has; none: nothing is due.
  virtual Expected<std::optional<Loan>> claim(Time now, Duration lease) = 0;
  // Each ends a loan. Conflict: the loan was lost to somebody else, nothing was changed.
  virtual Expected<void> delivered(const Loan& loan) = 0;
  virtual Expected<void> retry(const Loan& loan, Time run_after, const std::string& error) = 0;
  virtual Expected<void> give_up(const Loan& loan, const std::string& error) = 0;
  // As if it had never been lent; the attempt does not count.
  virtual Expected<void> give_back(const Loan& loan) = 0;

  virtual Expected<long long> pending() = 0;
  // Forgets idempotency keys and ended messages older than that; how many rows.
  virtual Expected<long long> prune(Time before) = 0;
};

// SQLite in WAL mode with synchronous=FULL: an answered message survives a crash of the machine. The file belongs to this
// process alone; Unavailable when another one holds it or it cannot be opened. Path ":memory:" keeps nothing.
Expected<std::unique_ptr<Store>> open_sqlite(const std::string& path);

}  // namespace courier
