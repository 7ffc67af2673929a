// Where tenants, endpoints, messages and deliveries live. The port is made of operations, not tables, so that two engines
// stand behind it with the same meaning: SQLite (one process) and PostgreSQL (many). contract_test.cpp runs on both.
//
// Every operation is one transaction: all of it happened or nothing did, whenever the process or the server dies. Every
// call blocks, for at most a few seconds, so it is made on an Executor, never on an event loop. Thread-safe; up to
// parallelism() calls run at a time. Times are given by the caller, who takes them from a StoreClock (store_clock.h): those of
// processes that share a database must agree to within a fraction of a lease.
// Errors of all: Unavailable (the database does not answer, or not in time: try later). Others are named at the operation.
// An outcome that was lost with the connection is retried where repeating is harmless, and Unavailable otherwise.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sample-service/domain/endpoint.h"
#include "sample-service/domain/message.h"

namespace courier {

// What a client gets for a request with an idempotency key: kept, and given again byte for byte.
struct Answer {
  int status = 202;
  std::map<std::string, std::string> headers{};
  std::string body{};
  bool replayed = false;  // given before, to an earlier request with this key
};

// The idempotency key of a request, in the scope of its tenant and route, and the answer to keep under it.
struct Once {
  std::string tenant{};
  std::string route{};  // "POST /v1/messages": the template, not the path
  std::string key{};
  std::string fingerprint{};  // fingerprint(): tells two requests under one key apart
  Answer answer{};
  Time now{};
  Time expires{};  // forgotten from then on
  // Monotonic, of the store's clock. Nothing is stored that the database is not asked for by then: what comes before it, such as a
  // connection, takes time. The same key's other request is waited for until then too, but never for more than 300 ms.
  Duration until = Duration::max();
};

// A page of a list, newest first; `next` of one is `after` of the following.
struct Page {
  std::string after{};     // empty: from the start
  std::size_t limit = 50;  // 1 to 500; others are clamped
};
template <typename Item>
struct Slice {
  std::vector<Item> items{};
  std::string next{};  // empty: that was all
};

// A delivery lent to a worker until lease_until. The fence grows with every loan and replay: who comes too late is refused.
struct Loan {
  Delivery delivery{};  // attempts counts this one
  std::string payload{};
  std::string traceparent{};
  Time received{};       // of the message
  std::string secret{};  // of the endpoint
  std::vector<OldSecret> old_secrets{};
  std::string receiver{};  // see Backlog
  Lane lane = Lane::Normal;
  Time lease_until{};
  long long fence = 0;
};

// Deliveries that wait for the same receiver in the same lane.
struct Backlog {
  std::string receiver{};  // the endpoint's id, or tenant + '|' + origin of a URL that a message named
  std::string tenant{};    // empty: the endpoint was deleted, and its deliveries only wait to be given up
  Lane lane = Lane::Normal;
  Time oldest{};         // the earliest run_after that has come
  int in_flight = 0;     // lent now, in all lanes, by all processes
  int max_inflight = 0;  // 0: not said
};

// What to lend: the oldest `count` of a receiver's lane.
struct Pick {
  std::string receiver{};
  Lane lane = Lane::Normal;
  int count = 1;
};

// Something that other processes should hear of: what the outbox holds.
struct Notice {
  enum class Kind { Message, Endpoint };
  long long sequence = 0;
  Kind kind = Kind::Message;
  std::string reference{};  // id of the message, or id@version of the endpoint
};

// The queue as a whole. A count ends at kMostCounted: more are told as so many.
struct QueueStats {
  long long pending = 0;  // deliveries that are not ended
  long long due = 0;      // of those: might be lent now
  Time oldest_due{};      // = now, when nothing is due
  long long outbox = 0;
  Time oldest_notice{};  // = now, when the outbox is empty
};

// A count of all deliveries that is made piece by piece: no piece holds up others for long, however many there are.
struct StatsCount {
  std::map<std::string, EndpointStats> endpoints{};  // by id, of those that were counted
  std::string message{};                             // with `endpoint`: the last delivery that was counted
  std::string endpoint{};
  bool over = false;
};

struct Pruned {
  long long keys = 0;
  long long messages = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // "sqlite" or "postgres".
  virtual std::string engine() const = 0;
  // Calls that run at a time: the number of threads that an Executor for it should have.
  virtual std::size_t parallelism() const = 0;
  // One real round trip: what the store's clock says.
  virtual Expected<Time> ping() = 0;

  // --- messages ---

  // Stores the message, a delivery for each receiver, a notice and the key with its answer, or finds what was stored under
  // the key before (then `replayed`). Receivers: `url` if given; else every endpoint of the tenant that is not disabled and
  // takes the topic; else `fallback_url`, if given. The answer's headers and body must follow from the request alone.
  // Errors: Exists (the key was used for another request), Conflict with retry_after (the key's first request is still
  // being stored), Invalid (nobody to deliver to, or the tenant does not exist). After an error the key is as unknown as before.
  virtual Expected<Answer> intake(const Once& once, const Message& message, const std::string& url, const std::string& fallback_url) = 0;
  // NotFound names the id: no such message of the tenant.
  virtual Expected<MessageStatus> lookup(const std::string& tenant, const std::string& id) = 0;
  virtual Expected<Slice<Message>> messages(const std::string& tenant, const Page& page) = 0;
  // Makes the message's dead deliveries pending and due again, with all their attempts before them, under an idempotency
  // key as intake does. Errors as there, and NotFound (no such message), Invalid (none of its deliveries is dead).
  virtual Expected<Answer> replay(const Once& once, const std::string& id) = 0;
  // Deliveries that were given up. Invalid: a page mark that is none.
  virtual Expected<Slice<Delivery>> dead_letters(const std::string& tenant, const Page& page) = 0;

  // --- endpoints ---

  // At most kMaxEndpoints of a tenant. Stores version 1, without old secrets. Errors: Exists (the id), Forbidden (one too many), Invalid
  // (no such tenant).
  virtual Expected<Endpoint> create_endpoint(const Endpoint& endpoint) = 0;
  // NotFound names the id.
  virtual Expected<Endpoint> endpoint(const std::string& tenant, const std::string& id) = 0;
  virtual Expected<Slice<Endpoint>> endpoints(const std::string& tenant, const Page& page) = 0;
  // Replaces url, secret, old_secrets, topics, state, max_inflight and updated of the endpoint that has `endpoint.version`, and returns
  // it with the next version. Errors: NotFound; Conflict (it has another version by now, which the message names).
  virtual Expected<Endpoint> update_endpoint(const Endpoint& endpoint) = 0;
  // version 0: whichever it has. What waits for it is given up by the workers. Errors: NotFound; Conflict, as above.
  virtual Expected<void> delete_endpoint(const std::string& tenant, const std::string& id, long long version, Time now) = 0;
  // As of the last keep_stats(). NotFound: no such endpoint.
  virtual Expected<EndpointStats> endpoint_stats(const std::string& tenant, const std::string& id) = 0;

  // --- tenants and their keys ---

  // Exists (the id).
  virtual Expected<void> create_tenant(const Tenant& tenant) = 0;
  // Whose key that is, by its digest. NotFound: nobody's, or revoked.
  virtual Expected<Tenant> tenant_of_key(const std::string& digest) = 0;
  // Exists (the id, or the digest), Invalid (no such tenant).
  virtual Expected<void> add_api_key(const ApiKey& key) = 0;
  // NotFound: the tenant has no such key.
  virtual Expected<void> revoke_api_key(const std::string& tenant, const std::string& id) = 0;
  virtual Expected<std::vector<ApiKey>> api_keys(const std::string& tenant) = 0;

  // --- workers ---

  // One entry for each lane of each receiver that has something due, except endpoints that are paused or disabled. Costs
  // some index probes for each receiver with something pending, however much that is.
  virtual Expected<std::vector<Backlog>> backlog(Time now) = 0;
  // Lends what is picked, as far as it is still there, until now + lease, and counts an attempt.
  virtual Expected<std::vector<Loan>> claim(const std::vector<Pick>& picks, Time now, Duration lease) = 0;
  // Sets the end of loans anew; how many of them still were loans.
  virtual Expected<std::size_t> extend(const std::vector<Loan>& loans, Time lease_until) = 0;
  // Each ends a loan. Conflict: the loan was lost to somebody else, nothing was changed.
  virtual Expected<void> delivered(const Loan& loan) = 0;
  virtual Expected<void> retry(const Loan& loan, Time run_after, const std::string& error) = 0;
  virtual Expected<void> give_up(const Loan& loan, const std::string& error) = 0;
  // As if it had never been lent: due at once, the attempt does not count.
  virtual Expected<void> give_back(const Loan& loan, Time now) = 0;
  // The only process of this store begins: nothing is lent any more, nobody was chosen for a chore, and a delivery that has been tried n
  // times waits from now for longest[n] at most (for the last of them after more tries), even if the clock has been set back since it was
  // put off. How many were found to wait for longer. Wrong where other processes run.
  virtual Expected<std::size_t> begin_alone(Time now, const std::vector<Duration>& longest) = 0;

  // --- house-keeping ---

  // The oldest notices that were written at or before `until`. They stay until they are forgotten.
  virtual Expected<std::vector<Notice>> outbox(Time until, std::size_t limit) = 0;
  virtual Expected<void> forget_notices(const std::vector<long long>& sequences) = 0;
  // For a notice that was passed on right after its operation, by whoever called it.
  virtual Expected<void> forget_notices_of(const std::vector<std::string>& references) = 0;
  // Ids of messages with something due since before `since`: somebody may have missed their notice. At most `limit`.
  virtual Expected<std::vector<std::string>> overdue(Time since, std::size_t limit) = 0;
  virtual Expected<QueueStats> queue(Time now) = 0;
  // Counts at most `most` deliveries more; `over` when those were the last. What changes between two pieces is counted as it was or as it
  // is.
  virtual Expected<void> count_stats(StatsCount& count, std::size_t most) = 0;
  // What endpoint_stats() says from then on.
  virtual Expected<void> keep_stats(const StatsCount& count, Time now) = 0;
  // Forgets, a bounded number at a time, keys that have expired and messages received before `before` with all of their
  // deliveries ended. What is pending stays whatever its age.
  virtual Expected<Pruned> prune(Time now, Time before) = 0;
  // One of several processes is chosen for a chore until now + length; asking again in time prolongs it. True: it is you.
  virtual Expected<bool> lead(const std::string& chore, const std::string& self, Time now, Duration length) = 0;
};

inline constexpr std::size_t kMaxEndpoints = 100;
inline constexpr long long kMostCounted = 10'000;

}  // namespace courier
