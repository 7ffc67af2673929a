// What every Kubernetes object has: its metadata, as a value.
//
// parse_meta accepts any JSON: what is missing or of a wrong type reads as its default, so that a hostile object never
// harms the reader. The object may be whole ({"metadata": ...}), as lists and watches return it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/time.h"
#include "controller/kube/api.h"

namespace sluice::kube {

// The owner reference with controller: true.
struct OwnerRef {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool operator==(const OwnerRef&) const = default;
};

struct ObjectMeta {
  std::string ns;  // "" for cluster-scoped objects
  std::string name;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::optional<OwnerRef> owner;  // the controller; other owners are left out
  std::optional<Time> creation_time;
  std::optional<Time> deletion_time;  // set: being deleted, finalizers still hold it
  std::vector<std::string> finalizers;

  Name key() const { return {ns, name}; }
  bool operator==(const ObjectMeta&) const = default;
  // The value, or "" if there is none.
  std::string_view label(std::string_view key) const;
  std::string_view annotation(std::string_view key) const;
};

ObjectMeta parse_meta(const Json& object);

// Single fields of an object, "" if absent or not a string.
Name name_of(const Json& object);
std::string uid_of(const Json& object);
std::string resource_version_of(const Json& object);

// Is version a newer than b? resourceVersions are compared as unsigned decimal numbers of any length, which KEP-5504 makes
// legal; if either is not such a number there is no order (nullopt).
// Source: https://github.com/kubernetes/enhancements/issues/5504
std::optional<bool> newer(std::string_view a, std::string_view b);

// Makes objects of lists and watches alike and small: apiVersion and kind filled in where a list left them out,
// metadata.managedFields (half of an object's bytes) taken away. What is not an object stays as it is.
void normalise(Json& object, const Resource& resource);

// Walks down object keys; null if a key is missing or what holds it is not an object. The result lives as long as `object`.
const Json& at(const Json& object, std::initializer_list<std::string_view> path);

// Parses text without throwing. Corrupt if it is not JSON or nests deeper than 200 levels (deeper documents would
// overflow the stack where they are destroyed or printed).
Expected<Json> parse_json(std::string_view text);

}  // namespace sluice::kube
