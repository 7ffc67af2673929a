// What every simulated controller is given, and the work queue that all of them share in shape.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <unordered_map>

#include "tests/simulation/api_server.h"
#include "tests/simulation/event_queue.h"
#include "tests/simulation/options.h"

namespace sluice::simulation {

// Why pods were taken away, by the uid of what was shrunk or deleted (of a Service: by its name): losses that a plain cluster would have
// had as well (a user scales down, deletes, or lets a Deployment roll by itself) are excused, all others are violations.
class Blame {
 public:
  void excuse(const std::string& uid, std::string reason) { excuses_[uid] = std::move(reason); }
  // "": nobody but the operator or its protocol is responsible.
  std::string of(const std::string& uid) const {
    const auto it = excuses_.find(uid);
    return it == excuses_.end() ? std::string() : it->second;
  }

 private:
  std::unordered_map<std::string, std::string> excuses_;
};

struct Context {
  const Options& options;
  ManualClock& clock;
  EventQueue& events;
  Random& random;
  ApiServer& server;
  Blame& blame;
  // Called with what a controller did against the protocol's expectations (invariants.h).
  std::function<void(const std::string&)> violation;
};

// One controller's queue: a key is worked on once after a random reaction delay, however often it was added in between.
class Worker {
 public:
  Worker(Context& context, Bounds delay, std::function<void(const Name&)> work)
      : context_(context), delay_(delay), work_(std::move(work)) {}
  Worker(const Worker&) = delete;

  void add(const Name& key) {
    if (!queued_.insert(key).second) return;
    context_.events.after(context_.random.within(delay_), [this, key] {
      queued_.erase(key);
      work_(key);
    });
  }
  void add_after(const Name& key, Duration delay) {
    context_.events.after(delay, [this, key] { add(key); });
  }

 private:
  Context& context_;
  Bounds delay_;
  std::function<void(const Name&)> work_;
  std::set<Name> queued_;
};

}  // namespace sluice::simulation
