// Reading JSON objects without exceptions: a missing or wrongly typed field reads as the given default.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "controller/kube/api.h"

namespace sluice::simulation {

using kube::Json;
using kube::Name;
using kube::Resource;

// The value at the path of object keys; a null value where any of them is missing.
const Json& at(const Json& object, std::initializer_list<std::string_view> path);
std::string text(const Json& object, std::initializer_list<std::string_view> path, std::string fallback = {});
long long number(const Json& object, std::initializer_list<std::string_view> path, long long fallback = 0);
bool flag(const Json& object, std::initializer_list<std::string_view> path);

Name name_of(const Json& object);
std::string uid_of(const Json& object);
// An annotation or label; empty when missing.
std::string annotation(const Json& object, std::string_view key);
std::string label(const Json& object, std::string_view key);
bool has_annotation(const Json& object, std::string_view key);
// The owner reference with controller: true, or null.
const Json& controller_of(const Json& object);
bool deleting(const Json& object);

// "deployment shop/web", for messages.
std::string called(const Resource& resource, const Name& name);

// A complete owner reference with controller: true.
Json controller_reference(const Json& owner);

}  // namespace sluice::simulation
