#include "tests/simulation/api_server.h"

#include <algorithm>
#include <cstdio>

#include "tests/simulation/object_rules.h"

namespace sluice::simulation {

namespace {

Unexpected not_found(const Resource& resource, const Name& name) {
  return Unexpected(Error{Error::Kind::NotFound, called(resource, name) + ": not found", 404, {}});
}

Unexpected conflict(const Resource& resource, const Name& name, const std::string& why) {
  return Unexpected(Error{Error::Kind::Conflict, called(resource, name) + ": " + why, 409, {}});
}

bool equal_but_version(const Json& a, const Json& b) {
  for (const auto& [key, value] : a.items()) {
    if (key != "metadata" && at(b, {key}) != value) return false;
  }
  if (a.size() != b.size()) return false;
  const Json& left = at(a, {"metadata"});
  const Json& right = at(b, {"metadata"});
  if (left.size() != right.size()) return false;
  for (const auto& [key, value] : left.items()) {
    if (key != "resourceVersion" && at(right, {key}) != value) return false;
  }
  return true;
}

// Server-side apply without schemas: fields that the manager applied before and no longer names go, the rest is merged.
void remove_omitted(Json& target, const Json& last, const Json& next) {
  if (!target.is_object() || !last.is_object()) return;
  for (const auto& [key, value] : last.items()) {
    if (!target.contains(key)) continue;
    if (!next.is_object() || !next.contains(key)) {
      if (value.is_object()) {
        remove_omitted(target[key], value, Json::object());
        if (target[key].is_object() && target[key].empty()) target.erase(key);
      } else {
        target.erase(key);
      }
    } else {
      remove_omitted(target[key], value, next[key]);
    }
  }
}

void merge(Json& target, const Json& with) {
  if (!with.is_object() || !target.is_object()) {
    target = with;
    return;
  }
  for (const auto& [key, value] : with.items()) merge(target[key], value);
}

bool finalizers_left(const Json& object) {
  const Json& finalizers = at(object, {"metadata", "finalizers"});
  return finalizers.is_array() && !finalizers.empty();
}

}  // namespace

ApiServer::Table& ApiServer::table(const Resource& resource) {
  auto [it, inserted] = tables_.try_emplace(std::pair(resource.plural, resource.group));
  if (inserted) it->second.resource = resource;
  return it->second;
}

const ApiServer::Table* ApiServer::find_table(const Resource& resource) const {
  const auto it = tables_.find(std::pair(resource.plural, resource.group));
  return it == tables_.end() ? nullptr : &it->second;
}

JsonPtr ApiServer::find(const Resource& resource, const Name& name) const {
  const Table* t = find_table(resource);
  if (!t) return nullptr;
  const auto it = t->objects.find(name);
  return it == t->objects.end() ? nullptr : it->second;
}

const std::map<Name, JsonPtr>& ApiServer::all(const Resource& resource) const {
  static const std::map<Name, JsonPtr> kNone;
  const Table* t = find_table(resource);
  return t ? t->objects : kNone;
}

const std::vector<Change>& ApiServer::journal(const Resource& resource) const {
  static const std::vector<Change> kNone;
  const Table* t = find_table(resource);
  return t ? t->journal : kNone;
}

const std::set<ApiServer::Owned>& ApiServer::owned_by(const std::string& uid) const {
  static const std::set<Owned> kNone;
  const auto it = owned_.find(uid);
  return it == owned_.end() ? kNone : it->second;
}

std::string ApiServer::new_uid() {
  // Spread by the seed, so that no code can rely on the order of uids.
  Random spread(seed_ * 0x10001 + ++uid_count_);
  const auto word = spread.next();
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%08x-%04x-4000-8000-%012llx", static_cast<unsigned>(word >> 32),
                static_cast<unsigned>(word >> 16 & 0xffff), static_cast<unsigned long long>(uid_count_));
  return buffer;
}

void ApiServer::index(const Table& t, const Name& name, const Json* before, const Json* after) {
  const auto owners = [](const Json* object) -> const Json& { return at(*object, {"metadata", "ownerReferences"}); };
  if (before && after && owners(before) == owners(after)) return;
  if (before && owners(before).is_array()) {
    for (const auto& owner : owners(before)) {
      const auto it = owned_.find(text(owner, {"uid"}));
      if (it == owned_.end()) continue;
      it->second.erase(Owned{&t.resource, name});
      if (it->second.empty()) owned_.erase(it);
    }
  }
  if (after && owners(after).is_array()) {
    for (const auto& owner : owners(after)) owned_[text(owner, {"uid"})].insert(Owned{&t.resource, name});
  }
}

JsonPtr ApiServer::store(std::string_view by, Table& t, const Name& name, Json object, const JsonPtr& before, bool status_only) {
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  auto stored = std::make_shared<const Json>(std::move(object));
  t.objects[name] = stored;
  if (!before) uids_.insert(uid_of(*stored));
  index(t, name, before.get(), stored.get());
  t.journal.push_back({version_, clock_.now(), before ? kube::WatchEvent::Type::Modified : kube::WatchEvent::Type::Added, &t.resource, name,
                       stored, before, std::string(by), status_only});
  const Change change = t.journal.back();
  for (const auto& listener : listeners_) listener(change);
  return stored;
}

void ApiServer::erase(std::string_view by, Table& t, const Name& name) {
  const auto it = t.objects.find(name);
  if (it == t.objects.end()) return;
  const JsonPtr before = it->second;
  Json last = *before;
  last["metadata"]["resourceVersion"] = std::to_string(++version_);
  index(t, name, before.get(), nullptr);
  uids_.erase(uid_of(*before));
  t.objects.erase(it);
  t.journal.push_back({version_, clock_.now(), kube::WatchEvent::Type::Deleted, &t.resource, name,
                       std::make_shared<const Json>(std::move(last)), before, std::string(by), false});
  const Change change = t.journal.back();
  for (const auto& listener : listeners_) listener(change);
}

Expected<ApiServer::Written> ApiServer::create(std::string_view by, const Resource& resource, Json object,
                                               const kube::WriteOptions& options) {
  if (!object.is_object() || !at(object, {"metadata"}).is_object()) {
    return Unexpected(Error{Error::Kind::Invalid, "create " + resource.kind + ": metadata is missing", 400, {}});
  }
  normalize(object);
  if (!resource.namespaced) object["metadata"].erase("namespace");
  const Name name = name_of(object);
  Table& t = table(resource);
  if (!text(object, {"metadata", "resourceVersion"}).empty()) {
    return Unexpected(
        Error{Error::Kind::Invalid, called(resource, name) + ": resourceVersion should not be set on objects to be created", 400, {}});
  }
  if (t.objects.contains(name)) { return Unexpected(Error{Error::Kind::Exists, called(resource, name) + ": already exists", 409, {}}); }
  if (const auto ns = find(kube::resources::kNamespaces, {"", name.ns}); ns && deleting(*ns)) {
    return Unexpected(Error{
        Error::Kind::Forbidden,
        called(resource, name) + ": forbidden: unable to create new content in namespace " + name.ns + " because it is being terminated",
        403,
        {}});
  }
  set_defaults(resource, object);
  if (has_status_subresource(resource)) object.erase("status");
  if (admission_) {
    if (auto ok = admission_(resource, nullptr, object, by); !ok) return Unexpected(ok.error());
  }
  if (auto ok = validate(resource, nullptr, object); !ok) return Unexpected(ok.error());
  auto& metadata = object["metadata"];
  metadata.erase("deletionTimestamp");
  metadata["uid"] = new_uid();
  // Whole seconds, as Kubernetes writes them: two sets made in one second are told apart by name only.
  metadata["creationTimestamp"] = format_time(std::chrono::floor<std::chrono::seconds>(clock_.now()));
  if (has_generation(resource)) metadata["generation"] = 1;
  if (options.dry_run) return Written{std::make_shared<const Json>(std::move(object)), false};
  return Written{store(by, t, name, std::move(object), nullptr, false), true};
}

Expected<ApiServer::Written> ApiServer::replace(std::string_view by, Table& t, const JsonPtr& before, Json object,
                                                const kube::WriteOptions& options) {
  const Resource& resource = t.resource;
  const Name name = name_of(*before);
  if (!object.is_object()) { return Unexpected(Error{Error::Kind::Invalid, called(resource, name) + ": not an object", 400, {}}); }
  normalize(object);
  const Json& old_metadata = at(*before, {"metadata"});
  const std::string version = text(object, {"metadata", "resourceVersion"});
  if (!version.empty() && version != text(old_metadata, {"resourceVersion"})) {
    return conflict(resource, name, "the object has been modified; please apply your changes to the latest version and try again");
  }
  if (const auto uid = uid_of(object); !uid.empty() && uid != uid_of(*before)) {
    return conflict(resource, name, "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + uid_of(*before));
  }
  if (name_of(object) != name) {
    return Unexpected(Error{Error::Kind::Invalid, called(resource, name) + ": metadata.name: field is immutable", 422, {}});
  }
  const bool status_only = options.subresource == "status";
  if (status_only) {
    Json next = *before;
    if (object.contains("status")) next["status"] = std::move(object["status"]);
    if (!is_custom(resource)) {
      if (const Json& annotations = at(object, {"metadata", "annotations"}); annotations.is_object()) {
        next["metadata"]["annotations"] = annotations;
      }
    }
    object = std::move(next);
  } else if (has_status_subresource(resource)) {
    if (before->contains("status")) {
      object["status"] = (*before)["status"];
    } else {
      object.erase("status");
    }
  }
  auto& metadata = object["metadata"];
  for (const char* field :
       {"uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"}) {
    if (old_metadata.contains(field)) {
      metadata[field] = old_metadata[field];
    } else {
      metadata.erase(field);
    }
  }
  if (!status_only) {
    set_defaults(resource, object);
    if (admission_ && options.subresource.empty()) {
      if (auto ok = admission_(resource, before.get(), object, by); !ok) return Unexpected(ok.error());
      normalize(object);
    }
    if (deleting(*before)) {
      const Json& kept = at(*before, {"metadata", "finalizers"});
      if (const Json& wanted = at(object, {"metadata", "finalizers"}); wanted.is_array()) {
        for (const auto& finalizer : wanted) {
          if (!kept.is_array() || std::find(kept.begin(), kept.end(), finalizer) == kept.end()) {
            return Unexpected(
                Error{Error::Kind::Invalid,
                      called(resource, name) + ": metadata.finalizers: no new finalizers can be added if the object is being deleted",
                      422,
                      {}});
          }
        }
      }
    }
    if (new_generation(resource, *before, object)) { object["metadata"]["generation"] = number(*before, {"metadata", "generation"}) + 1; }
  }
  if (auto ok = validate(resource, before.get(), object); !ok) return Unexpected(ok.error());
  if (equal_but_version(*before, object)) return Written{before, false};
  if (options.dry_run) return Written{std::make_shared<const Json>(std::move(object)), false};
  const bool gone = deleting(object) && !finalizers_left(object) && resource.plural != "pods";
  auto stored = store(by, t, name, std::move(object), before, status_only);
  if (gone) erase(by, t, name);
  return Written{std::move(stored), true};
}

Expected<ApiServer::Written> ApiServer::update(std::string_view by, const Resource& resource, Json object,
                                               const kube::WriteOptions& options) {
  Name name = name_of(object);
  if (!resource.namespaced) name.ns.clear();
  Table& t = table(resource);
  const auto before = t.objects.find(name);
  if (before == t.objects.end()) return not_found(resource, name);
  return replace(by, t, JsonPtr(before->second), std::move(object), options);
}

Expected<Json> ApiServer::patched(const Json& before, kube::PatchType type, const Json& patch, const Resource& resource, const Name& name,
                                  const kube::WriteOptions& options) {
  switch (type) {
    case kube::PatchType::Json: return json_patched(before, patch, called(resource, name));
    case kube::PatchType::Merge: {
      if (!patch.is_object()) {
        return Unexpected(Error{Error::Kind::Invalid, called(resource, name) + ": a merge patch must be an object", 400, {}});
      }
      Json object = before;
      object.merge_patch(patch);
      return object;
    }
    case kube::PatchType::Apply: {
      if (options.field_manager.empty()) {
        return Unexpected(Error{Error::Kind::Invalid, called(resource, name) + ": fieldManager is required for apply patch", 400, {}});
      }
      Json object = before;
      const auto last = applied_.find(resource.plural + "|" + name.str() + "|" + options.subresource + "|" + options.field_manager);
      if (last != applied_.end()) remove_omitted(object, last->second, patch);

      merge(object, patch);
      return object;
    }
  }
  return fail(Error::Kind::Internal, "unknown kind of patch");
}

Expected<ApiServer::Written> ApiServer::patch(std::string_view by, const Resource& resource, const Name& asked, kube::PatchType type,
                                              const Json& patch, const kube::WriteOptions& options) {
  Name name = asked;
  if (!resource.namespaced) name.ns.clear();
  Table& t = table(resource);
  const auto found = t.objects.find(name);
  const std::string key = resource.plural + "|" + name.str() + "|" + options.subresource + "|" + options.field_manager;
  if (found == t.objects.end()) {
    if (type != kube::PatchType::Apply || !options.subresource.empty()) return not_found(resource, name);
    Json object = patch;
    object["metadata"]["name"] = name.name;
    if (!name.ns.empty()) object["metadata"]["namespace"] = name.ns;
    auto created = create(by, resource, std::move(object), options);
    if (created && !options.dry_run) applied_[key] = patch;
    return created;
  }
  const JsonPtr before = found->second;
  if (options.subresource == "scale") {
    // Only spec.replicas of the Scale object can be written.
    auto scaled = patched({{"metadata", (*before)["metadata"]}, {"spec", {{"replicas", at(*before, {"spec", "replicas"})}}}}, type, patch,
                          resource, name, options);
    if (!scaled) return Unexpected(scaled.error());
    Json object = *before;
    object["spec"]["replicas"] = at(*scaled, {"spec", "replicas"});
    object["metadata"]["resourceVersion"] = text(*scaled, {"metadata", "resourceVersion"});
    return replace(by, t, before, std::move(object), options);
  }
  auto object = patched(*before, type, patch, resource, name, options);
  if (!object) return Unexpected(object.error());
  auto written = replace(by, t, before, std::move(*object), options);
  if (written && type == kube::PatchType::Apply && !options.dry_run) applied_[key] = patch;
  return written;
}

Expected<ApiServer::Written> ApiServer::remove(std::string_view by, const Resource& resource, const Name& asked,
                                               const kube::DeleteOptions& options) {
  Name name = asked;
  if (!resource.namespaced) name.ns.clear();
  Table& t = table(resource);
  const auto found = t.objects.find(name);
  if (found == t.objects.end()) return not_found(resource, name);
  const JsonPtr before = found->second;
  if (!options.uid.empty() && options.uid != uid_of(*before)) {
    return conflict(resource, name,
                    "Precondition failed: UID in precondition: " + options.uid + ", UID in object meta: " + uid_of(*before));
  }
  if (!options.resource_version.empty() && options.resource_version != text(*before, {"metadata", "resourceVersion"})) {
    return conflict(resource, name, "Precondition failed: resourceVersion in precondition: " + options.resource_version);
  }
  Json object = *before;
  auto& metadata = object["metadata"];
  const char* finalizer = options.propagation == "Foreground" ? "foregroundDeletion" : options.propagation == "Orphan" ? "orphan" : nullptr;
  if (finalizer && !deleting(*before)) metadata["finalizers"].push_back(finalizer);
  const bool graceful = resource.plural == "pods" || resource.plural == "namespaces";
  if (!finalizers_left(object) && !graceful) {
    erase(by, t, name);
    return Written{before, true};
  }
  if (deleting(*before)) return Written{before, false};
  metadata["deletionTimestamp"] = format_time(std::chrono::floor<std::chrono::seconds>(clock_.now()));
  metadata["deletionGracePeriodSeconds"] = resource.plural == "pods" ? 30 : 0;
  if (has_generation(resource)) metadata["generation"] = number(object, {"metadata", "generation"}) + 1;
  return Written{store(by, t, name, std::move(object), before, false), true};
}

void ApiServer::finish_removal(std::string_view by, const Resource& resource, const Name& name) {
  const auto object = find(resource, name);
  if (object && !finalizers_left(*object)) erase(by, table(resource), name);
}

}  // namespace sluice::simulation
