// The annotations by which the Deployment controller remembers, and what more than one of its files needs. Internal to it.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/simulation/context.h"

namespace sluice::simulation::deployment {

inline constexpr std::string_view kSelf = "system:deployment-controller";
inline constexpr const char* kRevision = "deployment.kubernetes.io/revision";
inline constexpr const char* kRevisionHistory = "deployment.kubernetes.io/revision-history";
inline constexpr const char* kDesired = "deployment.kubernetes.io/desired-replicas";
inline constexpr const char* kMax = "deployment.kubernetes.io/max-replicas";
inline constexpr const char* kHash = "pod-template-hash";
inline constexpr const char* kNative = "rolling update of an unpaused Deployment";  // excuses for what is lost
inline constexpr const char* kScaled = "the Deployment was scaled";
inline constexpr long long kNoLimit = 2147483647;

inline long long integer_annotation(const Json& object, const char* key, long long fallback) {
  const std::string value = annotation(object, key);
  if (value.empty() || value.find_first_not_of("0123456789") != std::string::npos || value.size() > 10) return fallback;
  const long long parsed = std::strtoll(value.c_str(), nullptr, 10);
  return parsed > kNoLimit ? fallback : parsed;
}

inline bool older(const std::string& created_a, const Name& a, const std::string& created_b, const Name& b) {
  return created_a != created_b ? created_a < created_b : a.name < b.name;
}

inline bool progress_deadline(const Json& d) { return number(d, {"spec", "progressDeadlineSeconds"}, kNoLimit) != kNoLimit; }

}  // namespace sluice::simulation::deployment
