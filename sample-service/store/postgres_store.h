// The SqlStore on PostgreSQL: what is done most often is one statement, which is one round trip.
#pragma once

#include "sample-service/store/sql_store.h"

namespace courier {

class PostgresStore final : public SqlStore {
 public:
  using SqlStore::SqlStore;
  Expected<Answer> intake(const Once& once, const Message& message, const std::string& url, const std::string& fallback_url) override;
  Expected<std::vector<Loan>> claim(const std::vector<Pick>& picks, Time now, Duration lease) override;
};

}  // namespace courier
