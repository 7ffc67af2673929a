#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

const Statement kPing[] = {{"ping", "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"},
                           {"ping", "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"}};

}  // namespace

long long to_sql(Time time) { return time.time_since_epoch().count(); }
Time from_sql(long long milliseconds) { return Time(Duration(milliseconds)); }

SqlStore::SqlStore(std::string engine, std::size_t connections, Pool::Connect connect, std::unique_ptr<Observer> observer,
                   const sluice::Clock& clock)
    : engine_(std::move(engine)), observer_(std::move(observer)), pool_(connections, std::move(connect), *observer_), clock_(clock) {}

std::string SqlStore::listed() const {
  if (engine_ == "postgres") return "(SELECT unnest(string_to_array($1, ',')))";
  return R"((SELECT CAST(value AS TEXT) FROM json_each('["' || replace($1, ',', '","') || '"]')))";
}

Expected<Time> SqlStore::ping() {
  return on_session("ping", Repeat::Yes, [&](Session& session) -> Expected<Time> {
    const auto said = session.run(kPing[engine_ == "postgres" ? 1 : 0], {});
    if (!said) return tl::make_unexpected(said.error());
    return from_sql(said->rows.at(0).number(0));
  });
}

}  // namespace courier
