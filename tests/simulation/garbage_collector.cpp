#include "tests/simulation/garbage_collector.h"

#include <algorithm>

namespace sluice::simulation {

namespace {
using namespace kube::resources;
constexpr std::string_view kSelf = "system:garbage-collector";

bool has_finalizer(const Json& object, const char* finalizer) {
  const Json& all = at(object, {"metadata", "finalizers"});
  return all.is_array() && std::find(all.begin(), all.end(), Json(finalizer)) != all.end();
}

Json without_finalizer(Json object, const char* finalizer) {
  auto& all = object["metadata"]["finalizers"];
  all.erase(std::remove(all.begin(), all.end(), Json(finalizer)), all.end());
  return object;
}
}  // namespace

void GarbageCollector::later(std::function<void()> work) {
  context_.events.after(context_.random.within(context_.options.garbage), std::move(work));
}

void GarbageCollector::on_change(const Change& change) {
  const Json& object = *change.object;
  const std::string uid = uid_of(object);
  if (change.type == kube::WatchEvent::Type::Deleted) {
    for (const auto& owned : context_.server.owned_by(uid)) {
      if (context_.blame.of(uid_of(*context_.server.find(*owned.resource, owned.name))).empty()) {
        context_.blame.excuse(uid_of(*context_.server.find(*owned.resource, owned.name)), context_.blame.of(uid));
      }
      later([this, owned] { collect(*owned.resource, owned.name); });
    }
    // Somebody who waits for the last dependent.
    if (const Json& owners = at(object, {"metadata", "ownerReferences"}); owners.is_array()) {
      for (const auto& owner : owners) {
        for (const Resource* resource : {&kDeployments, &kReplicaSets, &kServices, &kRollouts}) {
          if (resource->kind != text(owner, {"kind"})) continue;
          later([this, resource, name = Name{change.name.ns, text(owner, {"name"})}, owner_uid = text(owner, {"uid"})] {
            finish_foreground(*resource, name, owner_uid);
          });
        }
      }
    }
    const auto ns = context_.server.find(kNamespaces, {"", change.name.ns});
    if (ns && deleting(*ns)) later([this, name = change.name.ns] { empty_namespace(name); });
    return;
  }
  const Json& owners = at(object, {"metadata", "ownerReferences"});
  if (owners.is_array() && (!change.before || at(*change.before, {"metadata", "ownerReferences"}) != owners)) {
    const bool dangling =
        std::any_of(owners.begin(), owners.end(), [&](const Json& o) { return !context_.server.exists(text(o, {"uid"})); });
    if (dangling) later([this, resource = change.resource, name = change.name] { collect(*resource, name); });
  }
  const bool first = deleting(object) && (!change.before || !deleting(*change.before));
  if (!first) return;
  if (*change.resource == kNamespaces) {
    later([this, name = change.name.name] { empty_namespace(name); });
  } else if (has_finalizer(object, "foregroundDeletion")) {
    for (const auto& owned : context_.server.owned_by(uid)) {
      later([this, owned, uid] {
        const auto dependent = context_.server.find(*owned.resource, owned.name);
        if (!dependent) return;
        context_.blame.excuse(uid_of(*dependent), context_.blame.of(uid));
        kube::DeleteOptions options;
        options.propagation = *owned.resource == kPods ? "Background" : "Foreground";
        (void)context_.server.remove(kSelf, *owned.resource, owned.name, options);
      });
    }
    later([this, resource = change.resource, name = change.name, uid] { finish_foreground(*resource, name, uid); });
  } else if (has_finalizer(object, "orphan")) {
    later([this, resource = change.resource, name = change.name, uid] {
      orphan(uid);
      const auto now = context_.server.find(*resource, name);
      if (now && uid_of(*now) == uid) (void)context_.server.update(kSelf, *resource, without_finalizer(*now, "orphan"));
    });
  }
}

void GarbageCollector::collect(const Resource& resource, const Name& name) {
  const auto object = context_.server.find(resource, name);
  if (!object) return;
  const Json& owners = at(*object, {"metadata", "ownerReferences"});
  if (!owners.is_array()) return;
  Json left = Json::array();
  for (const auto& owner : owners) {
    if (context_.server.exists(text(owner, {"uid"}))) left.push_back(owner);
  }
  if (left.size() == owners.size()) return;
  if (left.empty()) {
    (void)context_.server.remove(kSelf, resource, name);
  } else {
    Json kept = *object;
    kept["metadata"]["ownerReferences"] = std::move(left);
    (void)context_.server.update(kSelf, resource, std::move(kept));
  }
}

void GarbageCollector::orphan(const std::string& uid) {
  const auto dependents = context_.server.owned_by(uid);
  for (const auto& owned : dependents) {
    Json free = *context_.server.find(*owned.resource, owned.name);
    auto& owners = free["metadata"]["ownerReferences"];
    owners.erase(std::remove_if(owners.begin(), owners.end(), [&](const Json& o) { return text(o, {"uid"}) == uid; }), owners.end());
    (void)context_.server.update(kSelf, *owned.resource, std::move(free));
  }
}

void GarbageCollector::finish_foreground(const Resource& resource, const Name& name, const std::string& uid) {
  const auto object = context_.server.find(resource, name);
  if (!object || uid_of(*object) != uid || !has_finalizer(*object, "foregroundDeletion")) return;
  // Only dependents that block count.
  for (const auto& owned : context_.server.owned_by(uid)) {
    const auto dependent = context_.server.find(*owned.resource, owned.name);
    for (const auto& owner : at(*dependent, {"metadata", "ownerReferences"})) {
      if (text(owner, {"uid"}) == uid && flag(owner, {"blockOwnerDeletion"})) return;
    }
  }
  (void)context_.server.update(kSelf, resource, without_finalizer(*object, "foregroundDeletion"));
}

void GarbageCollector::empty_namespace(const std::string& ns) {
  bool empty = true;
  for (const Resource* resource : {&kRollouts, &kRolloutActions, &kHttpRoutes, &kServices, &kEndpointSlices, &kDeployments, &kReplicaSets,
                                   &kPods, &kConfigMaps, &kLeases, &kResourceQuotas}) {
    std::vector<Name> names;
    context_.server.each(*resource, ns, [&](const Name& name, const JsonPtr& object) {
      empty = false;
      if (!deleting(*object)) names.push_back(name);
    });
    for (const auto& name : names) {
      context_.blame.excuse(uid_of(*context_.server.find(*resource, name)), "the namespace was deleted");
      (void)context_.server.remove(kSelf, *resource, name);
    }
  }
  if (empty) context_.server.finish_removal(kSelf, kNamespaces, {"", ns});
}

}  // namespace sluice::simulation
