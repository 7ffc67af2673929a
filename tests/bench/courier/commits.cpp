#include "tests/bench/courier/commits.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "common/core/clock.h"
#include "sample-service/domain/message.h"
#include "sample-service/store/observer.h"
#include "sample-service/store/open.h"
#include "sample-service/store/postgres_session.h"
#include "sample-service/store/sqlite_session.h"

namespace courier::bench {
namespace {

using Steady = std::chrono::steady_clock;
using sluice::Expected;

// Commits once. Each connection has its own.
using Commit = std::function<Expected<void>()>;

Expected<std::vector<Commit>> rows(const CommitPlan& plan) {
  const auto observer = std::make_shared<Observer>(nullptr, sluice::Duration(60'000));
  std::vector<Commit> commits;
  for (std::size_t i = 0; i < plan.connections; ++i) {
    auto opened =
        is_postgres_uri(plan.database) ? open_postgres_session(plan.database, *observer) : open_sqlite_session(plan.database, *observer);
    if (!opened) return tl::make_unexpected(opened.error());
    const std::shared_ptr<Session> session = std::move(*opened);
    if (i == 0) {
      const auto made = session->script("CREATE TABLE IF NOT EXISTS bare_commits (body TEXT NOT NULL)");
      if (!made) return tl::make_unexpected(made.error());
    }
    // Under a name of the store's own, as every statement has; nothing is counted here.
    commits.emplace_back([observer, session, insert = Statement{"intake_message", "INSERT INTO bare_commits (body) VALUES ($1)"},
                          row = std::string(plan.bytes, 'x')]() -> Expected<void> {
      if (const auto done = session->run(insert, {row}); !done) return tl::make_unexpected(done.error());  // by itself a transaction
      return {};
    });
  }
  return commits;
}

Expected<std::vector<Commit>> intakes(const CommitPlan& plan) {
  auto opened = open_store({.database = plan.database, .connections = plan.connections});
  if (!opened) return tl::make_unexpected(opened.error());
  const std::shared_ptr<Store> store = std::move(*opened);
  std::vector<Commit> commits;
  for (std::size_t i = 0; i < plan.connections; ++i) {
    const auto seed = static_cast<std::mt19937_64::result_type>(Steady::now().time_since_epoch().count()) + i;
    commits.emplace_back([store, payload = std::string(plan.bytes, 'x'), bits = std::mt19937_64(seed)]() mutable -> Expected<void> {
      const sluice::Time now = sluice::SystemClock().now();
      Message message;
      message.id = new_id(now, [&bits] { return std::uniform_real_distribution<double>()(bits); });
      message.tenant = "default";
      message.payload = payload;
      message.received = now;
      Once once;
      once.tenant = message.tenant;
      once.route = "POST /v1/messages";
      once.key = message.id;
      once.fingerprint = fingerprint("POST", "/v1/messages", payload);
      once.answer = {202, {{"Content-Type", "application/json"}, {"Location", "/v1/messages/" + message.id}}, to_json(message)};
      once.now = now;
      once.expires = now + sluice::Duration(24 * 3'600'000);
      if (const auto stored = store->intake(once, message, "", "http://127.0.0.1:1/"); !stored) {
        return tl::make_unexpected(stored.error());
      }
      return {};
    });
  }
  return commits;
}

Expected<Histogram> commit_until(Steady::time_point end, Commit& commit) {
  Histogram took;
  for (auto begin = Steady::now(); begin < end;) {
    if (const auto done = commit(); !done) return tl::make_unexpected(done.error());
    const auto now = Steady::now();
    took.add(std::chrono::duration_cast<Microseconds>(now - begin));
    begin = now;
  }
  return took;
}

}  // namespace

Expected<Commits> commit_for(const CommitPlan& plan) {
  auto commits = plan.what == Transaction::Intake ? intakes(plan) : rows(plan);
  if (!commits) return tl::make_unexpected(commits.error());
  const auto begin = Steady::now();
  std::mutex mutex;
  Commits all;
  std::optional<sluice::Error> error;
  {
    std::vector<std::jthread> threads;
    for (Commit& commit : *commits) {
      threads.emplace_back([&] {
        const auto took = commit_until(begin + plan.length, commit);
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
