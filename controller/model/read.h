// Reading JSON that may be anything: the value at a path if it is there and of the right type, else a default.
#pragma once

#include <initializer_list>
#include <map>
#include <string>

#include "controller/kube/json.h"

namespace sluice::model::read {

using kube::Json;

inline const Json& at(const Json& object, std::initializer_list<const char*> path) {
  static const Json kNull;
  const Json* here = &object;
  for (const char* key : path) {
    if (!here->is_object()) return kNull;
    const auto found = here->find(key);
    if (found == here->end()) return kNull;
    here = &*found;
  }
  return *here;
}

inline std::string text(const Json& object, std::initializer_list<const char*> path, std::string otherwise = "") {
  const Json& value = at(object, path);
  return value.is_string() ? value.get<std::string>() : otherwise;
}

// Integers; also floats without a fraction, as some clients write them.
inline std::int64_t integer(const Json& object, std::initializer_list<const char*> path, std::int64_t otherwise = 0) {
  const Json& value = at(object, path);
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float() && value.get<double>() > -9e15 && value.get<double>() < 9e15)
    return static_cast<std::int64_t>(value.get<double>());
  return otherwise;
}

inline double number(const Json& object, std::initializer_list<const char*> path, double otherwise = 0) {
  const Json& value = at(object, path);
  return value.is_number() ? value.get<double>() : otherwise;
}

inline bool boolean(const Json& object, std::initializer_list<const char*> path, bool otherwise = false) {
  const Json& value = at(object, path);
  return value.is_boolean() ? value.get<bool>() : otherwise;
}

// A map of strings such as labels; entries of other types are left out.
inline std::map<std::string, std::string> texts(const Json& object, std::initializer_list<const char*> path) {
  std::map<std::string, std::string> out;
  const Json& value = at(object, path);
  if (value.is_object())
    for (const auto& [key, entry] : value.items())
      if (entry.is_string()) out.emplace(key, entry.get<std::string>());
  return out;
}

// The array at a path, or an empty one.
inline const Json& array(const Json& object, std::initializer_list<const char*> path) {
  static const Json kEmpty = Json::array();
  const Json& value = at(object, path);
  return value.is_array() ? value : kEmpty;
}

}  // namespace sluice::model::read
