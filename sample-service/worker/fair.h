// Which deliveries the free workers take next. Each free worker goes to the tenant with the fewest deliveries in flight,
// there to the receiver with the fewest, and among equals to whoever has waited longest for a turn: a long queue gives
// nobody more than a short one. Urgent deliveries go first, three to each normal one at most while both wait.
//
// A receiver that hangs must not hold all workers. One that nobody has heard of has a quarter of them, and all of those
// share half; one whose last answer was bad or slow has a quarter, and all of those share that quarter; one that answered
// well, that is 2xx within a second, has three quarters (each of these at least one). A poor man's shuffle shard: see AWS
// Builders' Library, "Workload isolation using shuffle-sharding".
//
// Pure: no clock and no I/O. Not thread-safe. Cost: free workers times entries of the backlog.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "sample-service/store/store.h"

namespace courier {

class Fair {
 public:
  // workers: deliveries at a time, in this process.
  explicit Fair(std::size_t workers) : workers_(workers) {}

  // What to claim for `free` workers; Pick::count may be more than there is. Does not start anything.
  std::vector<Pick> choose(const std::vector<Backlog>& backlog, std::size_t free, Time now);

  // A delivery of this process begins and ends. well: 2xx, and soon.
  void started(const std::string& receiver) { ++known_[receiver].running; }
  void ended(const std::string& receiver, bool well);
  // Nothing is taken for the receiver until then: its circuit is open.
  void hold(const std::string& receiver, Time until) { known_[receiver].held_until = until; }

  std::size_t running() const;

 private:
  enum class Standing { Unknown, Good, Bad };
  struct Receiver {
    std::size_t running = 0;
    Standing standing = Standing::Unknown;
    unsigned long long last_turn = 0;
    Time held_until{};
  };
  struct Tally;

  const Backlog* best(const std::vector<Backlog>& backlog, Lane lane, const Tally& tally, Time now) const;
  bool has_room(const Receiver& receiver, std::size_t running, const Tally& tally) const;
  void forget_the_idle(const std::vector<Backlog>& backlog, Time now);

  const std::size_t workers_;
  std::map<std::string, Receiver> known_;
  std::map<std::string, unsigned long long> tenants_;  // last turn
  unsigned long long turn_ = 0;
  int urgent_in_a_row_ = 0;
};

}  // namespace courier
