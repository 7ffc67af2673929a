// Reads that are asked for often, answered from copies: L1 in this process (l1.h), then L2 in Redis (l2.h) where there is
// one, then whoever loads. One load of a key runs at a time; who asks meanwhile waits for it. When a load fails and a stale
// copy is there, readers get that. Continuation style: nothing here blocks, so event loops may call it. Thread-safe.
//
// A change of what is behind a key is announced: from then on nobody gets what was loaded before, not even from a load that
// has begun and not ended (its earlier readers do: they asked before the change was done).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/core/clock.h"
#include "common/core/error.h"
#include "common/telemetry/metrics.h"
#include "sample-service/cache/l1.h"
#include "sample-service/cache/l2.h"

namespace courier {

using sluice::Expected;
using Random = std::function<double()>;

struct Read {
  std::string body{};
  long long version = 0;
  bool keep = true;  // false: for who waits now only
};

class ReadCache {
 public:
  struct Options {
    std::string name{};     // label "cache" of cache_requests_total
    std::size_t bytes = 0;  // of L1; 0: it keeps nothing
    Duration ttl{1'600};
  };
  struct Parts {
    const sluice::Clock& clock;
    Random random;
    sluice::metrics::Registry& metrics;
    L2* l2 = nullptr;  // only for what never changes: nothing is ever dropped there
  };
  // Unavailable: the load failed, and there is no copy. Cancelled: whoever loaded gave up; read again. Others are the load's.
  using Done = std::function<void(const Expected<Read>&)>;

  // A load that others may wait for. Ends once: by finish(), by abandon(), or with the object, which abandons it.
  class Flight {
   public:
    Flight(ReadCache& cache, std::string key, std::uint64_t id) : cache_(cache), key_(std::move(key)), id_(id) {}
    ~Flight() { abandon(); }
    Flight(const Flight&) = delete;
    Flight& operator=(const Flight&) = delete;
    // Unavailable is a failure, after which stale copies serve for a second; any other outcome is what is so now.
    void finish(const Expected<Read>& outcome);
    // Not begun, for a reason of whoever loads: the others decide for themselves.
    void abandon();

   private:
    friend class ReadCache;
    ReadCache& cache_;
    const std::string key_;
    const std::uint64_t id_;
  };
  using FlightPtr = std::shared_ptr<Flight>;
  using Load = std::function<void(const FlightPtr&)>;

  ReadCache(Options options, Parts parts);

  bool on() const { return options_.bytes > 0 || parts_.l2 != nullptr; }
  // Calls done once, at once or later, on the thread of whoever loads. load is called when this reader is to load: it must
  // not block, but see to it that the flight ends.
  void read(const std::string& key, Done done, const Load& load);
  // The copy there is, stale too, instead of waiting for a load that hangs or cannot begin; for a second others get it at once.
  std::optional<Read> instead(const std::string& key);
  bool has(const std::string& key);
  // The version that a key has from now on.
  void announce(const std::string& key, long long version);
  // It has changed, or may have.
  void forget(const std::string& key);

 private:
  void begin(const FlightPtr& flight, const std::string& key, const Load& load);
  // Ends the flight: keeps its outcome or replaces a failure by the stale copy, and gives back who waited.
  std::vector<Done> land(const Flight& flight, Expected<Read>& outcome);
  sluice::metrics::Counter counter(const char* layer, std::string_view result) const;

  static constexpr Duration kPutOff{1'000};

  const Options options_;
  const Parts parts_;
  const sluice::metrics::Counter hit_, stale_, miss_, shared_;
  std::array<sluice::metrics::Counter, 4> l2_{};  // by L2::Result
  std::mutex mutex_;
  L1 l1_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::string, std::uint64_t> flights_;        // which readers of a key join
  std::unordered_map<std::uint64_t, std::vector<Done>> waiting_;  // of every flight that has not ended
};

}  // namespace courier
