// What courier depends on, as it was found by real round trips in the background: asking a probe never waits for a
// dependency. Soft dependencies never make courier unready: cached answers and other routes still work, and when all pods
// turn unready together their clients get nothing at all. A hard one does after some failures in a row. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "common/core/error.h"
#include "common/core/time.h"
#include "common/http/transport.h"

namespace courier {

using sluice::Duration;
using sluice::Expected;
using sluice::Time;

class Dependencies {
 public:
  // hard: unready after `failures` in a row.
  void define(const std::string& name, bool hard, int failures = 3);
  // What a round trip found, and how long it took.
  void report(const std::string& name, const Expected<void>& found, Duration took, Time now);

  // Why the hard ones keep traffic away; empty: they do not.
  std::string why_unready() const;
  // One line for each: "[+] database: ok, 2ms" or "[-] database: <error> (3 failures in a row)".
  std::string lines() const;
  // GET /healthz/dependencies: JSON; 200, or 503 when any failed last time.
  sluice::http::Response answer() const;

 private:
  struct State {
    bool hard = false;
    int limit = 3;
    bool known = false;
    int failures = 0;  // in a row
    std::string error{};
    Duration took{0};
    Time checked{};
  };
  mutable std::mutex mutex_;
  std::map<std::string, State> states_;
};

}  // namespace courier
