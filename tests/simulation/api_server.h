// The storage and the write rules of an API server, in memory: resourceVersions, uids, generations, finalizers, the status
// subresource, optimistic concurrency, admission, and a journal of every change.
//
// Controllers of the simulated cluster use it directly (shared, immutable objects, no copies); everybody else goes through
// the kube::Api views of Cluster. Listeners run inside the write and must not write themselves. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/core/clock.h"
#include "tests/simulation/json_access.h"
#include "tests/simulation/random.h"

namespace sluice::simulation {

using JsonPtr = std::shared_ptr<const Json>;

// One committed write.
struct Change {
  std::uint64_t version = 0;
  Time at;
  kube::WatchEvent::Type type = kube::WatchEvent::Type::Added;
  const Resource* resource = nullptr;
  Name name;
  JsonPtr object;  // after the write; of a deletion: the last state, with the deletion's version
  JsonPtr before;  // null for Added
  std::string by;  // the requester
  bool status_only = false;
};

// Changes or refuses a write before it is stored; `before` is null on create.
using Admission = std::function<Expected<void>(const Resource&, const Json* before, Json& object, std::string_view by)>;

class ApiServer {
 public:
  ApiServer(ManualClock& clock, std::uint64_t seed) : clock_(clock), seed_(seed) {}
  ApiServer(const ApiServer&) = delete;

  void admit_with(Admission admission) { admission_ = std::move(admission); }
  void listen(std::function<void(const Change&)> listener) { listeners_.push_back(std::move(listener)); }

  // Null when there is none.
  JsonPtr find(const Resource& resource, const Name& name) const;
  const std::map<Name, JsonPtr>& all(const Resource& resource) const;
  // Calls visit(name, object) for every object of a namespace ("" = all), in order of name.
  template <typename Visit>
  void each(const Resource& resource, const std::string& ns, Visit visit) const {
    const auto& objects = all(resource);
    auto it = ns.empty() ? objects.begin() : objects.lower_bound(Name{ns, ""});
    for (; it != objects.end() && (ns.empty() || it->first.ns == ns); ++it) visit(it->first, it->second);
  }
  struct Owned {
    const Resource* resource;
    Name name;
    auto operator<=>(const Owned& o) const { return std::tie(resource->plural, name) <=> std::tie(o.resource->plural, o.name); }
    bool operator==(const Owned& o) const { return (*this <=> o) == 0; }
  };
  // What carries an owner reference to the uid.
  const std::set<Owned>& owned_by(const std::string& uid) const;
  bool exists(const std::string& uid) const { return uids_.contains(uid); }

  std::uint64_t version() const { return version_; }
  const std::vector<Change>& journal(const Resource& resource) const;

  struct Written {
    JsonPtr object;
    bool changed = true;  // false: the write was a no-op and left the resourceVersion alone
  };
  Expected<Written> create(std::string_view by, const Resource& resource, Json object, const kube::WriteOptions& options = {});
  Expected<Written> update(std::string_view by, const Resource& resource, Json object, const kube::WriteOptions& options = {});
  Expected<Written> patch(std::string_view by, const Resource& resource, const Name& name, kube::PatchType type, const Json& patch,
                          const kube::WriteOptions& options = {});
  Expected<Written> remove(std::string_view by, const Resource& resource, const Name& name, const kube::DeleteOptions& options = {});
  // The end of a graceful deletion (a kubelet's delete with grace period 0).
  void finish_removal(std::string_view by, const Resource& resource, const Name& name);

 private:
  struct Table {
    Resource resource;
    std::map<Name, JsonPtr> objects;
    std::vector<Change> journal;
  };
  Table& table(const Resource& resource);
  const Table* find_table(const Resource& resource) const;
  Expected<Written> replace(std::string_view by, Table& table, const JsonPtr& before, Json object, const kube::WriteOptions& options);
  Expected<Json> patched(const Json& before, kube::PatchType type, const Json& patch, const Resource& resource, const Name& name,
                         const kube::WriteOptions& options);
  JsonPtr store(std::string_view by, Table& table, const Name& name, Json object, const JsonPtr& before, bool status_only);
  void erase(std::string_view by, Table& table, const Name& name);
  void index(const Table& table, const Name& name, const Json* before, const Json* after);
  std::string new_uid();

  ManualClock& clock_;
  std::uint64_t seed_;
  std::uint64_t version_ = 1000;
  std::uint64_t uid_count_ = 0;
  Admission admission_;
  std::vector<std::function<void(const Change&)>> listeners_;
  std::map<std::pair<std::string, std::string>, Table> tables_;  // by plural and group
  std::unordered_map<std::string, std::set<Owned>> owned_;
  std::set<std::string> uids_;
  std::map<std::string, Json> applied_;  // what each field manager applied last
};

}  // namespace sluice::simulation
