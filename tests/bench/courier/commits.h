// How fast a database commits at best here, through the sessions that courier's store uses and without HTTP: the least that there is,
// or exactly what intake stores. What courier accepts per second is measured against both.
#pragma once

#include <string>

#include "common/core/error.h"
#include "tests/bench/courier/histogram.h"
#include "tests/bench/courier/schedule.h"

namespace courier::bench {

// What is in each transaction.
enum class Transaction {
  Row,     // one row into one table without a key
  Intake,  // Store::intake: the key, the message, one delivery and a notice
};

struct CommitPlan {
  Transaction what = Transaction::Row;
  std::string database{};  // StoreOptions::database; nobody else writes to it
  std::size_t connections = 1;
  Nanoseconds length{0};
  std::size_t bytes = 256;  // of a row, or of a message's payload
};

struct Commits {
  Histogram took{};
  double seconds = 0;
};

// Each connection commits one transaction after the other. Errors: those of Session and Store.
sluice::Expected<Commits> commit_for(const CommitPlan& plan);

}  // namespace courier::bench
