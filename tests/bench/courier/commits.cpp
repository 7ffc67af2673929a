#include "tests/bench/courier/commits.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "sample-service/store/observer.h"
#include "sample-service/store/open.h"
#include "sample-service/store/postgres_session.h"
#include "sample-service/store/sqlite_session.h"

namespace courier::bench {
namespace {

using Steady = std::chrono::steady_clock;
using sluice::Expected;

Expected<std::unique_ptr<Session>> connect(const std::string& database, Observer& observer) {
  return is_postgres_uri(database) ? open_postgres_session(database, observer) : open_sqlite_session(database, observer);
}

Expected<Histogram> commit_until(Session& session, Steady::time_point end, const std::string& row) {
  const Statement insert{"bare_commit", "INSERT INTO bare_commits (body) VALUES ($1)"};
  Histogram took;
  for (auto begin = Steady::now(); begin < end;) {
    if (const auto done = session.run(insert, {row}); !done) return tl::make_unexpected(done.error());  // by itself a transaction
    const auto now = Steady::now();
    took.add(std::chrono::duration_cast<Microseconds>(now - begin));
    begin = now;
  }
  return took;
}

}  // namespace

Expected<Commits> commit_for(const CommitPlan& plan) {
  Observer observer(nullptr, sluice::Duration(60'000));
  std::vector<std::unique_ptr<Session>> sessions;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, plan.connections); ++i) {
    auto session = connect(plan.database, observer);
    if (!session) return tl::make_unexpected(session.error());
    sessions.push_back(std::move(*session));
  }
  if (auto made = sessions.front()->script("CREATE TABLE IF NOT EXISTS bare_commits (body TEXT NOT NULL)"); !made) {
    return tl::make_unexpected(made.error());
  }
  const auto begin = Steady::now();
  std::mutex mutex;
  Commits all;
  std::optional<sluice::Error> error;
  {
    std::vector<std::jthread> threads;
    for (const auto& session : sessions) {
      threads.emplace_back([&] {
        const auto took = commit_until(*session, begin + plan.length, std::string(plan.bytes, 'x'));
        const std::lock_guard lock(mutex);
        if (took) all.took.merge(*took);
        else error = took.error();
      });
    }
  }
  if (error) return tl::make_unexpected(*error);
  all.seconds = std::chrono::duration<double>(Steady::now() - begin).count();
  return all;
}

}  // namespace courier::bench
