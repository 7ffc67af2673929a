// The innermost layer: copies of what the store said, in this process, within a bounded number of bytes. The one that was
// not asked for longest makes room. A copy is fresh for a life of its own, drawn within +-20 % so that those made together
// do not end together; then it is stale, of use only while nothing better can be had, and kStale later it is gone.
// A copy has a version; an older one never replaces a newer one, and drop_older() drops what is older than announced.
// A value: no clock, no lock. Instants are of a monotonic clock, unit is uniform in [0, 1).
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/core/time.h"

namespace courier {

using sluice::Duration;

class L1 {
 public:
  struct Copy {
    std::string value{};
    long long version = 0;
    bool fresh = true;
    bool put_off = false;  // stale, and it was not long ago that nothing better could be had
  };

  // bytes: of keys, values and their keeping; 0 keeps nothing.
  explicit L1(std::size_t bytes) : limit_(bytes) {}

  // None, or a copy that is fresh or stale. Asking for it keeps it from making room.
  std::optional<Copy> find(const std::string& key, Duration now);
  // False: not kept, because it is larger than all the room or a newer one is there.
  bool keep(const std::string& key, std::string value, long long version, Duration ttl, Duration now, double unit);
  // Nothing better than the stale copy is to be looked for before `until`.
  void put_off(const std::string& key, Duration until);
  void drop(const std::string& key);
  void drop_older(const std::string& key, long long version);

  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return index_.size(); }

  static constexpr Duration kStale{30'000};
  static constexpr double kJitter = 0.2;
  static constexpr std::size_t kKeeping = 256;  // of an entry, beside its key (twice) and value

 private:
  struct Entry {
    std::string key{};
    std::string value{};
    long long version = 0;
    Duration fresh_until{0};
    Duration put_off_until{0};
  };
  using Entries = std::list<Entry>;
  static std::size_t size_of(const std::string& key, const std::string& value) { return 2 * key.size() + value.size() + kKeeping; }
  void drop(Entries::iterator entry);

  std::size_t limit_;
  std::size_t bytes_ = 0;
  Entries entries_;  // the one asked for last comes first
  std::unordered_map<std::string, Entries::iterator> index_;
};

}  // namespace courier
