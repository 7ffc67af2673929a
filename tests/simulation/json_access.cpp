#include "tests/simulation/json_access.h"

#include <algorithm>
#include <cctype>

namespace sluice::simulation {

namespace {
const Json kNull;

const Json& child(const Json& object, std::string_view key) {
  if (!object.is_object()) return kNull;
  const auto& map = object.get_ref<const Json::object_t&>();
  const auto found = map.find(key);
  return found == map.end() ? kNull : found->second;
}
}  // namespace

const Json& at(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* here = &object;
  for (const auto key : path) here = &child(*here, key);
  return *here;
}

std::string text(const Json& object, std::initializer_list<std::string_view> path, std::string fallback) {
  const Json& value = at(object, path);
  return value.is_string() ? value.get_ref<const std::string&>() : std::move(fallback);
}

long long number(const Json& object, std::initializer_list<std::string_view> path, long long fallback) {
  const Json& value = at(object, path);
  return value.is_number() ? value.get<long long>() : fallback;
}

bool flag(const Json& object, std::initializer_list<std::string_view> path) {
  const Json& value = at(object, path);
  return value.is_boolean() && value.get<bool>();
}

Name name_of(const Json& object) { return {text(object, {"metadata", "namespace"}), text(object, {"metadata", "name"})}; }
std::string uid_of(const Json& object) { return text(object, {"metadata", "uid"}); }
std::string annotation(const Json& object, std::string_view key) { return text(object, {"metadata", "annotations", key}); }
std::string label(const Json& object, std::string_view key) { return text(object, {"metadata", "labels", key}); }
bool has_annotation(const Json& object, std::string_view key) { return at(object, {"metadata", "annotations", key}).is_string(); }

const Json& controller_of(const Json& object) {
  const Json& owners = at(object, {"metadata", "ownerReferences"});
  if (!owners.is_array()) return kNull;
  for (const auto& owner : owners) {
    if (flag(owner, {"controller"})) return owner;
  }
  return kNull;
}

bool deleting(const Json& object) { return at(object, {"metadata", "deletionTimestamp"}).is_string(); }

std::string called(const Resource& resource, const Name& name) {
  std::string kind = resource.kind;
  std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return kind + " " + name.str();
}

Json controller_reference(const Json& owner) {
  return {{"apiVersion", text(owner, {"apiVersion"})},
          {"kind", text(owner, {"kind"})},
          {"name", text(owner, {"metadata", "name"})},
          {"uid", uid_of(owner)},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

}  // namespace sluice::simulation
