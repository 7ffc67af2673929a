// How fast a database commits at best here: one row into one table for each transaction, and nothing else, through the sessions
// that courier's store uses. What intake does besides is measured against it.
#pragma once

#include <string>

#include "common/core/error.h"
#include "tests/bench/courier/histogram.h"
#include "tests/bench/courier/schedule.h"

namespace courier::bench {

struct CommitPlan {
  std::string database{};  // StoreOptions::database; gets a table bare_commits
  std::size_t connections = 1;
  Nanoseconds length{0};
  std::size_t bytes = 256;  // of a row
};

struct Commits {
  Histogram took{};
  double seconds = 0;
};

// Errors: those of Session.
sluice::Expected<Commits> commit_for(const CommitPlan& plan);

}  // namespace courier::bench
