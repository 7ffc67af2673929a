// Splitting the traffic of a Service between itself and its canary Service, in the rules of an HTTPRoute.
//
// Weight means the share of the Service's traffic, in every rule that names it. A rule may have other backends: all weights
// of the rule are multiplied by 100, so that their ratios stay, and the Service's own share is divided. The canary's
// backendRef is a copy of the Service's (port, filters and all) under another name; nothing else is touched.
// All functions are pure; `rules` is spec.rules as the API server returns it. Weights follow the Gateway API: absent means
// 1, the largest is 1,000,000.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "controller/kube/json.h"

namespace sluice::traffic {

using kube::Json;

struct Split {
  std::string ns;  // of the route; backendRefs into other namespaces are not ours
  std::string service;
  std::string canary_service;
  std::vector<std::string> rules;  // names; empty: every rule that names the Service
};

// At least one rule that the split applies to names the Service. `service` may also be the canary Service.
bool names(const Json& rules, const Split& split, const std::string& service);

// The rules with the canary at `percent` (0..100) of the Service's traffic. `original` must not name the canary Service.
// Invalid: no rule names the Service, or a weight is above 10,000 and cannot be multiplied.
Expected<Json> with_canary(const Json& original, const Split& split, int percent);

// The largest share of the Service's traffic that goes to the canary in any rule, in percent, rounded up; nullopt if no
// rule names the canary Service.
std::optional<int> canary_percent(const Json& rules, const Split& split);

// The rules with only the canary Service taken out and its weight given back: for rules that somebody else has edited
// meanwhile, so that the original must not be written over them.
Json without_canary(const Json& rules, const Split& split);

}  // namespace sluice::traffic
