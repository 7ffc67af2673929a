#include "controller/traffic/route.h"

#include <algorithm>

namespace sluice::traffic {
namespace {

constexpr std::int64_t kFactor = 100;
constexpr std::int64_t kLargestWeight = 1'000'000;

std::string text(const Json& object, const char* key, const std::string& otherwise = "") {
  if (!object.is_object()) return otherwise;
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

std::int64_t weight_of(const Json& backend) {
  const auto found = backend.find("weight");
  return found != backend.end() && found->is_number_integer() ? std::max<std::int64_t>(0, found->get<std::int64_t>()) : 1;
}

bool is_service(const Json& backend, const Split& split, const std::string& service) {
  return backend.is_object() && text(backend, "name") == service && text(backend, "kind", "Service") == "Service" &&
         text(backend, "group").empty() && text(backend, "namespace", split.ns) == split.ns;
}

bool selected(const Json& rule, const Split& split) {
  return split.rules.empty() || std::find(split.rules.begin(), split.rules.end(), text(rule, "name")) != split.rules.end();
}

// The backendRefs of a rule, or null if it has none.
template <typename AnyJson>
auto backends_of(AnyJson& rule) -> AnyJson* {
  if (!rule.is_object()) return nullptr;
  const auto found = rule.find("backendRefs");
  return found != rule.end() && found->is_array() ? &*found : nullptr;
}

bool names_in(const Json& rule, const Split& split, const std::string& service) {
  const Json* backends = backends_of(rule);
  return backends != nullptr &&
         std::any_of(backends->begin(), backends->end(), [&](const Json& backend) { return is_service(backend, split, service); });
}

}  // namespace

bool names(const Json& rules, const Split& split, const std::string& service) {
  return std::any_of(rules.begin(), rules.end(), [&](const Json& rule) { return selected(rule, split) && names_in(rule, split, service); });
}

Expected<Json> with_canary(const Json& original, const Split& split, int percent) {
  if (!names(original, split, split.service))
    return fail(Error::Kind::Invalid, "no rule of the HTTPRoute names Service " + split.service + " as a backend" +
                                          (split.rules.empty() ? "" : " (among the rules listed in traffic.httpRoute.rules)"));
  Json rules = original;
  for (Json& rule : rules) {
    if (!selected(rule, split) || !names_in(rule, split, split.service)) continue;
    Json backends = Json::array();
    for (const Json& backend : *backends_of(rule)) {
      const std::int64_t weight = weight_of(backend);
      if (weight * kFactor > kLargestWeight)
        return fail(Error::Kind::Invalid, "backend " + text(backend, "name") + " has weight " + std::to_string(weight) +
                                              ": weights beside Service " + split.service + " may be at most 10000");
      Json own = backend;
      if (!is_service(backend, split, split.service)) {
        own["weight"] = weight * kFactor;
        backends.push_back(std::move(own));
        continue;
      }
      Json canary = backend;
      own["weight"] = weight * (kFactor - percent);
      canary["name"] = split.canary_service;
      canary["weight"] = weight * percent;
      backends.push_back(std::move(own));
      backends.push_back(std::move(canary));
    }
    rule["backendRefs"] = std::move(backends);
  }
  return rules;
}

std::optional<int> canary_percent(const Json& rules, const Split& split) {
  std::optional<int> largest;
  for (const Json& rule : rules) {
    const Json* backends = backends_of(rule);
    if (backends == nullptr || !names_in(rule, split, split.canary_service)) continue;
    std::int64_t canary = 0, both = 0;
    for (const Json& backend : *backends) {
      const bool is_canary = is_service(backend, split, split.canary_service);
      if (is_canary) canary += weight_of(backend);
      if (is_canary || is_service(backend, split, split.service)) both += weight_of(backend);
    }
    const int percent = both == 0 ? 0 : static_cast<int>((canary * 100 + both - 1) / both);
    largest = std::max(largest.value_or(0), percent);
  }
  return largest;
}

Json without_canary(const Json& rules, const Split& split) {
  Json out = rules;
  for (Json& rule : out) {
    Json* backends = backends_of(rule);
    if (backends == nullptr || !names_in(rule, split, split.canary_service)) continue;
    Json kept = Json::array();
    std::int64_t freed = 0;
    for (const Json& backend : *backends) {
      if (is_service(backend, split, split.canary_service)) freed += weight_of(backend);
      else kept.push_back(backend);
    }
    for (Json& backend : kept)
      if (freed > 0 && is_service(backend, split, split.service)) {
        backend["weight"] = weight_of(backend) + freed;
        freed = 0;
      }
    const bool multiplied = std::all_of(kept.begin(), kept.end(), [](const Json& b) { return weight_of(b) % kFactor == 0; });
    if (multiplied)
      for (Json& backend : kept) backend["weight"] = weight_of(backend) / kFactor;
    *backends = std::move(kept);
  }
  return out;
}

}  // namespace sluice::traffic
