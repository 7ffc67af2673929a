#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

const Statement kPing{"ping", "SELECT 1"};

}  // namespace

long long to_sql(Time time) { return time.time_since_epoch().count(); }
Time from_sql(long long milliseconds) { return Time(Duration(milliseconds)); }

SqlStore::SqlStore(std::string engine, std::size_t connections, Pool::Connect connect, std::unique_ptr<Observer> observer)
    : engine_(std::move(engine)), observer_(std::move(observer)), pool_(connections, std::move(connect), *observer_) {}

std::string SqlStore::listed() const {
  if (engine_ == "postgres") return "(SELECT unnest(string_to_array($1, ',')))";
  return R"((SELECT CAST(value AS TEXT) FROM json_each('["' || replace($1, ',', '","') || '"]')))";
}

Expected<void> SqlStore::ping() {
  return on_session("ping", Repeat::Yes, [](Session& session) -> Expected<void> {
    const auto done = session.run(kPing, {});
    if (!done) return tl::make_unexpected(done.error());
    return {};
  });
}

}  // namespace courier
