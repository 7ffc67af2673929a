// A Store in SQL. Both engines take the same statements but for a few words (engine_words), and PostgreSQL answers the two
// hottest operations in one statement each (postgres_store.cpp).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "common/core/clock.h"
#include "sample-service/store/observer.h"
#include "sample-service/store/pool.h"
#include "sample-service/store/store.h"

namespace courier {

class SqlStore : public Store {
 public:
  // engine: "sqlite" or "postgres".
  SqlStore(std::string engine, std::size_t connections, Pool::Connect connect, std::unique_ptr<Observer> observer,
           const sluice::Clock& clock);

  std::string engine() const override { return engine_; }
  std::size_t parallelism() const override { return pool_.size(); }
  Expected<Time> ping() override;

  Expected<Answer> intake(const Once& once, const Message& message, const std::string& url, const std::string& fallback_url) override;
  Expected<MessageStatus> lookup(const std::string& tenant, const std::string& id) override;
  Expected<Slice<Message>> messages(const std::string& tenant, const Page& page) override;
  Expected<Answer> replay(const Once& once, const std::string& id) override;
  Expected<Slice<Delivery>> dead_letters(const std::string& tenant, const Page& page) override;

  Expected<Endpoint> create_endpoint(const Endpoint& endpoint) override;
  Expected<Endpoint> endpoint(const std::string& tenant, const std::string& id) override;
  Expected<Slice<Endpoint>> endpoints(const std::string& tenant, const Page& page) override;
  Expected<Endpoint> update_endpoint(const Endpoint& endpoint) override;
  Expected<void> delete_endpoint(const std::string& tenant, const std::string& id, long long version, Time now) override;
  Expected<EndpointStats> endpoint_stats(const std::string& tenant, const std::string& id) override;

  Expected<void> create_tenant(const Tenant& tenant) override;
  Expected<Tenant> tenant_of_key(const std::string& digest) override;
  Expected<void> add_api_key(const ApiKey& key) override;
  Expected<void> revoke_api_key(const std::string& tenant, const std::string& id) override;
  Expected<std::vector<ApiKey>> api_keys(const std::string& tenant) override;

  Expected<std::vector<Backlog>> backlog(Time now) override;
  Expected<std::vector<Loan>> claim(const std::vector<Pick>& picks, Time now, Duration lease) override;
  Expected<std::size_t> extend(const std::vector<Loan>& loans, Time lease_until) override;
  Expected<void> delivered(const Loan& loan) override;
  Expected<void> retry(const Loan& loan, Time run_after, const std::string& error) override;
  Expected<void> give_up(const Loan& loan, const std::string& error) override;
  Expected<void> give_back(const Loan& loan, Time now) override;
  Expected<std::size_t> begin_alone(Time now, const std::vector<Duration>& longest) override;

  Expected<std::vector<Notice>> outbox(Time until, std::size_t limit) override;
  Expected<void> forget_notices(const std::vector<long long>& sequences) override;
  Expected<void> forget_notices_of(const std::vector<std::string>& references) override;
  Expected<std::vector<std::string>> overdue(Time since, std::size_t limit) override;
  Expected<QueueStats> queue(Time now) override;
  Expected<void> count_stats(StatsCount& count, std::size_t most) override;
  Expected<void> keep_stats(const StatsCount& count, Time now) override;
  Expected<Pruned> prune(Time now, Time before) override;
  Expected<bool> lead(const std::string& chore, const std::string& self, Time now, Duration length) override;

  // For migrations and tests: a session of the pool.
  Expected<Pool::Lease> session() { return pool_.take(); }

 protected:
  enum class Repeat { Yes, No };

  // Runs work(Session&) -> Expected<T> on a session. With Repeat::Yes once more when the first time was bad luck.
  template <typename Work>
  auto on_session(const std::string& op, Repeat repeat, Work work) -> std::invoke_result_t<Work, Session&> {
    using Outcome = std::invoke_result_t<Work, Session&>;
    const auto begin = std::chrono::steady_clock::now();
    Outcome outcome = tl::make_unexpected(sluice::Error{});
    for (int tries = repeat == Repeat::Yes ? 2 : 1; tries > 0; --tries) {
      auto session = pool_.take();
      if (!session) {
        outcome = tl::make_unexpected(session.error());
        break;
      }
      outcome = work(**session);
      if (outcome || !(*session)->worth_repeating()) break;
    }
    observer_->operation(op, outcome.has_value(), std::chrono::steady_clock::now() - begin);
    return outcome;
  }

  // The same within a transaction, which an error rolls back.
  template <typename Work>
  auto in_transaction(const std::string& op, Repeat repeat, Work work) -> std::invoke_result_t<Work, Session&> {
    using Outcome = std::invoke_result_t<Work, Session&>;
    return on_session(op, repeat, [&](Session& session) -> Outcome {
      if (auto begun = session.begin(); !begun) return tl::make_unexpected(begun.error());
      Outcome outcome = work(session);
      if (outcome) {
        if (auto done = session.commit(); !done) outcome = tl::make_unexpected(done.error());
      }
      if (!outcome) session.roll_back();
      return outcome;
    });
  }

  // What is kept under the key; none: nothing. Exists: it was used for another request.
  static Expected<std::optional<Answer>> recall(Session& session, const Once& once);
  // Unavailable: once.until has come.
  Expected<void> in_time(const Once& once) const;
  // How long its statements wait for locks.
  Duration patience(const Once& once) const { return once.until - clock_.monotonic(); }
  // Why an intake found nobody to deliver to.
  static sluice::Unexpected nobody(Session& session, const Once& once, const Message& message);
  // Values of the intake's statements, in the order of intake_sql.h.
  static std::vector<Value> intake_values(const Once& once, const Message& message, const std::string& url,
                                          const std::string& fallback_url);
  static Loan loan_of(const Row& row);  // columns of kLoanColumns (claim_sql.h)

 private:
  Expected<void> end(const char* op, const Loan& loan, State state, Time run_after, const std::string& error, int uncounted);
  // A subquery of the texts in parameter $1, separated by commas.
  std::string listed() const;

  const std::string engine_;
  const std::unique_ptr<Observer> observer_;
  Pool pool_;
  const sluice::Clock& clock_;
};

long long to_sql(Time time);
Time from_sql(long long milliseconds);

}  // namespace courier
