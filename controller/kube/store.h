// A typed cache of one kind of object: small projections, never JSON documents (a 3.3 kB Pod is 23 kB as a DOM).
//
// T is any value type with a member `ObjectMeta meta`; a projection Json -> T makes it. Readers get shared_ptr<const T>:
// a snapshot that stays valid and unchanged for as long as they hold it. All functions are thread-safe.
//
// Two hands write. The reflector: begin/add/commit replace the content at once after a (re)list, so that a reader sees the
// old state or the new one and never half of each; apply() takes one watch event. And merge() takes the result of our own
// write, so that we read it back before the watch brings it. The rules that keep both from undoing each other:
//  - an object is only replaced by a newer one (resourceVersions compared as numbers; without an order the last one wins);
//  - a merged object that is newer than a list survives the list that does not know it yet;
//  - a uid that was seen deleted does not come back, however late the result of a write to it arrives;
//  - a merged object that the watch passes by without a word is outside of its selectors and leaves.
#pragma once

#include <algorithm>
#include <concepts>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/core/time.h"
#include "controller/kube/object.h"

namespace sluice::kube {

template <typename T>
concept HasMeta = requires(const T& t) {
  { t.meta } -> std::convertible_to<const ObjectMeta&>;
};

// before empty: added; after empty: deleted; neither: changed (or recreated under the same name, see the uids).
template <HasMeta T>
struct Change {
  std::shared_ptr<const T> before;
  std::shared_ptr<const T> after;
  Name key() const { return (after ? after : before)->meta.key(); }
};

template <HasMeta T>
class Store {
 public:
  using Ptr = std::shared_ptr<const T>;
  using Project = std::function<T(const Json&)>;
  // The keys under which an object is found; called with the store locked, so it must not call the store.
  using IndexKeys = std::function<std::vector<std::string>(const T&)>;

  explicit Store(Project project) : project_(std::move(project)) {}

  // Declare indexes before the first object arrives. by_owner() needs none.
  void index(const std::string& name, IndexKeys keys) {
    std::unique_lock lock(mutex_);
    indexes_[name] = Index{std::move(keys), {}};
  }
  void index_label(const std::string& label) {
    index("label:" + label, [label](const T& object) {
      const auto found = object.meta.labels.find(label);
      return found == object.meta.labels.end() ? std::vector<std::string>{} : std::vector<std::string>{found->second};
    });
  }

  // Null if there is none.
  Ptr get(const Name& name) const {
    std::shared_lock lock(mutex_);
    const auto found = objects_.find(name);
    return found == objects_.end() ? nullptr : found->second;
  }
  // In order of namespace and name, as all lists here.
  std::vector<Ptr> all() const {
    std::shared_lock lock(mutex_);
    std::vector<Ptr> out;
    out.reserve(objects_.size());
    for (const auto& [name, object] : objects_) out.push_back(object);
    return out;
  }
  std::vector<Ptr> in_namespace(const std::string& ns) const {
    std::shared_lock lock(mutex_);
    std::vector<Ptr> out;
    for (auto it = objects_.lower_bound(Name{ns, ""}); it != objects_.end() && it->first.ns == ns; ++it) out.push_back(it->second);
    return out;
  }
  std::vector<Ptr> by_owner(const std::string& uid) const {
    std::shared_lock lock(mutex_);
    return found(owners_, uid);
  }
  // Empty if the index was not declared.
  std::vector<Ptr> by_index(const std::string& name, const std::string& key) const {
    std::shared_lock lock(mutex_);
    const auto index = indexes_.find(name);
    return index == indexes_.end() ? std::vector<Ptr>{} : found(index->second.names, key);
  }
  std::vector<Ptr> by_label(const std::string& label, const std::string& value) const { return by_index("label:" + label, value); }
  std::size_t size() const {
    std::shared_lock lock(mutex_);
    return objects_.size();
  }
  // Objects that were skipped because they had no name or uid or their projection failed.
  std::size_t malformed() const {
    std::shared_lock lock(mutex_);
    return malformed_;
  }

  // Our own write's result. Returns what changed for readers, nothing if the store knows better already.
  std::optional<Change<T>> merge(const Json& written) {
    auto object = projected(written);
    std::unique_lock lock(mutex_);
    if (!object) {
      ++malformed_;
      return std::nullopt;
    }
    const std::string version = (*object)->meta.resource_version;
    // If the watch has been there, it brought this object, a newer one or its deletion.
    if (const auto ahead = newer(version, position_); ahead && !*ahead) return std::nullopt;
    const Name name = (*object)->meta.key();
    auto change = put(std::move(*object), From::Merge);
    if (change) await(version, name);
    return change;
  }

  // Has the watch come at least as far as this version? Where versions have no order: has it brought exactly this one, or
  // a list since? Versions that were never merged and have no order count as seen.
  bool has_seen(const std::string& version) const {
    std::shared_lock lock(mutex_);
    return has_seen_locked(version);
  }
  // Has the watch brought everything that was merged?
  bool caught_up() const {
    std::shared_lock lock(mutex_);
    return awaited_.empty();
  }
  // Blocks until has_seen(version); false if the time is over or stop was requested first.
  bool wait_until_seen(const std::string& version, Duration longest, std::stop_token stop = {}) const {
    std::shared_lock lock(mutex_);
    return moved_.wait_for(lock, stop, longest, [&] { return has_seen_locked(version); });
  }
  bool has_synced() const {
    std::shared_lock lock(mutex_);
    return synced_;
  }

  // --- the reflector's side; one thread ---
  void begin() { arriving_.clear(); }
  void add(const Json& json) {
    if (auto object = projected(json)) {
      arriving_[(*object)->meta.key()] = std::move(*object);
    } else {
      std::unique_lock lock(mutex_);
      ++malformed_;
    }
  }
  // Publishes what begin() and add() gathered. The changes are those for readers: what vanished comes as deleted.
  std::vector<Change<T>> commit(const std::string& version) {
    std::vector<Change<T>> changes;
    {
      std::unique_lock lock(mutex_);
      std::erase_if(awaited_, [&](const auto& entry) { return !newer(entry.first, version).value_or(false); });
      std::vector<Name> vanished;
      for (const auto& [name, object] : objects_)
        if (!arriving_.contains(name) && !newer(object->meta.resource_version, version).value_or(false)) vanished.push_back(name);
      for (const Name& name : vanished) {
        changes.push_back({objects_.at(name), nullptr});
        bury(objects_.at(name)->meta.uid, version);
        take_out(name);
      }
      for (auto& [name, object] : arriving_)
        if (auto change = put(std::move(object), From::Server)) changes.push_back(std::move(*change));
      position_ = version;
      synced_ = true;
    }
    arriving_.clear();
    moved_.notify_all();
    return changes;
  }
  std::vector<Change<T>> apply(const WatchEvent& event) {
    std::vector<Change<T>> changes;
    {
      std::optional<Ptr> object;
      const std::string version = resource_version_of(event.object);
      if (event.type != WatchEvent::Type::Bookmark) object = projected(event.object);
      std::unique_lock lock(mutex_);
      if (event.type != WatchEvent::Type::Bookmark && !object) ++malformed_;
      if (object) {
        auto change = event.type == WatchEvent::Type::Deleted ? remove(**object) : put(std::move(*object), From::Server);
        if (change) changes.push_back(std::move(*change));
      }
      advance(version, changes);
    }
    moved_.notify_all();
    return changes;
  }

 private:
  using Names = std::map<std::string, std::set<Name>>;
  struct Index {
    IndexKeys keys;
    Names names;
  };
  static constexpr std::size_t kMaxTombstones = 8192;
  static constexpr std::size_t kMaxAwaited = 4096;

  enum class From { Server, Merge };

  std::optional<Ptr> projected(const Json& json) const {
    try {
      auto object = std::make_shared<T>(project_(json));
      if (object->meta.name.empty() || object->meta.uid.empty()) return std::nullopt;
      return Ptr(std::move(object));
    } catch (const std::exception&) {  // JSON of a shape that the projection did not expect
      return std::nullopt;
    }
  }

  bool has_seen_locked(const std::string& version) const {
    if (const auto ahead = newer(version, position_)) return !*ahead;
    return !awaited_.contains(version);
  }

  std::optional<Change<T>> put(Ptr object, From from) {
    const Name name = object->meta.key();
    const std::string& theirs = object->meta.resource_version;
    if (const auto grave = buried_.find(object->meta.uid); grave != buried_.end()) {
      // Late news of a deleted object. (A newer version of it is no ghost: it left a selector and came back.)
      if (!newer(theirs, grave->second).value_or(from == From::Server)) return std::nullopt;
    }
    const auto old = objects_.find(name);
    Ptr before = old == objects_.end() ? nullptr : old->second;
    if (before) {
      const std::string& mine = before->meta.resource_version;
      const bool same_object = before->meta.uid == object->meta.uid;
      if (same_object && mine == theirs) return std::nullopt;
      const auto mine_is_newer = newer(mine, theirs);
      if (mine_is_newer.value_or(false)) return std::nullopt;
      // Without an order, what we merged stands until the watch has brought it.
      if (!mine_is_newer && from == From::Server && same_object && awaited_.contains(mine)) return std::nullopt;
      if (!same_object) bury(before->meta.uid, theirs);
      take_out(name);
    }
    for_index_keys(*object, [&](Names& names, const std::string& key) { names[key].insert(name); });
    objects_[name] = object;
    return Change<T>{std::move(before), std::move(object)};
  }

  std::optional<Change<T>> remove(const T& gone) {
    const Name name = gone.meta.key();
    const auto old = objects_.find(name);
    bury(gone.meta.uid, gone.meta.resource_version);
    if (old == objects_.end() || old->second->meta.uid != gone.meta.uid) return std::nullopt;
    if (newer(old->second->meta.resource_version, gone.meta.resource_version).value_or(false)) return std::nullopt;
    Change<T> change{old->second, nullptr};
    take_out(name);
    return change;
  }

  void await(const std::string& version, const Name& name) {
    awaited_[version] = name;
    if (awaited_.size() > kMaxAwaited) awaited_.erase(awaited_.begin());
  }

  // The watch has come to `version`. A merged object that it passed without bringing it is outside of the selectors of
  // this watch: no event will ever speak of it again, so it leaves the store now.
  void advance(const std::string& version, std::vector<Change<T>>& changes) {
    if (version.empty()) return;
    awaited_.erase(version);
    if (!newer(version, position_).value_or(true)) return;
    position_ = version;
    std::erase_if(awaited_, [&](const auto& entry) {
      const auto& [merged, name] = entry;
      if (newer(merged, position_).value_or(true)) return false;
      const auto found = objects_.find(name);
      if (found != objects_.end() && found->second->meta.resource_version == merged) {
        changes.push_back({found->second, nullptr});
        take_out(name);
      }
      return true;
    });
  }

  void take_out(const Name& name) {
    const auto old = objects_.find(name);
    for_index_keys(*old->second, [&](Names& names, const std::string& key) {
      const auto set = names.find(key);
      if (set == names.end()) return;
      set->second.erase(name);
      if (set->second.empty()) names.erase(set);
    });
    objects_.erase(old);
  }

  template <typename Use>
  void for_index_keys(const T& object, const Use& use) {
    if (object.meta.owner) use(owners_, object.meta.owner->uid);
    for (auto& [index_name, index] : indexes_)
      for (const std::string& key : index.keys(object)) use(index.names, key);
  }

  std::vector<Ptr> found(const Names& names, const std::string& key) const {
    std::vector<Ptr> out;
    if (const auto set = names.find(key); set != names.end())
      for (const Name& name : set->second) out.push_back(objects_.at(name));
    return out;
  }

  void bury(const std::string& uid, const std::string& version) {
    const bool fresh = buried_.insert_or_assign(uid, version).second;
    if (!fresh) return;
    burials_.push_back(uid);
    if (burials_.size() > kMaxTombstones) {
      buried_.erase(burials_.front());
      burials_.pop_front();
    }
  }

  const Project project_;
  mutable std::shared_mutex mutex_;
  mutable std::condition_variable_any moved_;
  std::map<Name, Ptr> objects_;
  Names owners_;
  std::map<std::string, Index> indexes_;
  std::unordered_map<std::string, std::string> buried_;  // uids seen deleted -> version of the deletion
  std::deque<std::string> burials_;                      // the same, oldest first
  std::map<std::string, Name> awaited_;                  // versions that were merged and that the watch has not brought yet
  std::string position_;
  std::size_t malformed_ = 0;
  bool synced_ = false;
  std::map<Name, Ptr> arriving_;  // of the reflector's thread only
};

}  // namespace sluice::kube
