#include "sample-service/cache/l1.h"

#include <cmath>

namespace courier {

std::optional<L1::Copy> L1::find(const std::string& key, Duration now) {
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  const Entry& entry = *found->second;
  if (now >= entry.fresh_until + kStale) {
    drop(found->second);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  const bool fresh = now < entry.fresh_until;
  return Copy{entry.value, entry.version, fresh, !fresh && now < entry.put_off_until};
}

bool L1::keep(const std::string& key, std::string value, long long version, Duration ttl, Duration now, double unit) {
  if (size_of(key, value) > limit_) {
    drop(key);
    return false;
  }
  if (const auto found = index_.find(key); found != index_.end()) {
    if (found->second->version > version) return false;
    drop(found->second);
  }
  const double life = static_cast<double>(ttl.count()) * (1 - kJitter + 2 * kJitter * unit);
  bytes_ += size_of(key, value);
  entries_.push_front({key, std::move(value), version, now + Duration(std::llround(life)), Duration(0)});
  index_[key] = entries_.begin();
  while (bytes_ > limit_) drop(std::prev(entries_.end()));
  return true;
}

void L1::put_off(const std::string& key, Duration until) {
  if (const auto found = index_.find(key); found != index_.end()) found->second->put_off_until = until;
}

void L1::drop(const std::string& key) {
  if (const auto found = index_.find(key); found != index_.end()) drop(found->second);
}

void L1::drop_older(const std::string& key, long long version) {
  if (const auto found = index_.find(key); found != index_.end() && found->second->version < version) drop(found->second);
}

void L1::drop(Entries::iterator entry) {
  bytes_ -= size_of(entry->key, entry->value);
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace courier
