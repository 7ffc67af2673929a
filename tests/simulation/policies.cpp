#include "tests/simulation/policies.h"

namespace sluice::simulation {

namespace {

constexpr const char* kRollout = "sluice.dev/rollout";
constexpr const char* kHeld = "sluice.dev/held";
constexpr const char* kPinned = "sluice.dev/pinned";
constexpr const char* kHandover = "sluice.dev/handover";
constexpr const char* kPin = "sluice.dev/pin";
constexpr const char* kBreakGlass = "sluice.dev/break-glass";
constexpr const char* kTemplateHash = "pod-template-hash";

Unexpected denied(const Resource& resource, const Json& object, const std::string& policy, const std::string& why) {
  return Unexpected(Error{Error::Kind::Forbidden,
                          called(resource, name_of(object)) + ": ValidatingAdmissionPolicy '" + policy + "' denied request: " + why,
                          403, {}});
}

void gate(const Json& before, Json& object) {
  auto& annotations = object["metadata"]["annotations"];
  for (const char* mark : {kRollout, kHeld}) {
    if (has_annotation(before, mark) && !has_annotation(object, mark)) annotations[mark] = annotation(before, mark);
  }
  if (at(before, {"spec", "template"}) != at(object, {"spec", "template"})) {
    object["spec"]["paused"] = true;
    if (!has_annotation(object, kHeld)) annotations[kHeld] = "template";
  }
}

Expected<void> keep(const Resource& resource, const Json& before, const Json& object, bool exempt, bool break_glass) {
  const bool unpauses = flag(before, {"spec", "paused"}) && !flag(object, {"spec", "paused"});
  // The release itself takes the mark away and unpauses in one request; only we may do that.
  if (unpauses && has_annotation(before, kPinned) && !(exempt && !has_annotation(object, kPinned))) {
    return denied(resource, object, "sluice-keep", "Services are pinned by Rollout " + annotation(before, kRollout) +
                  "; unpausing now would take the service down. Unpin them first: hack/break-glass does both.");
  }
  if (exempt) return {};
  if (has_annotation(before, kHandover) && at(before, {"spec", "template"}) != at(object, {"spec", "template"})) {
    return denied(resource, object, "sluice-keep", "Rollout " + annotation(before, kRollout) +
                  " is handing over; try again in a moment.");
  }
  if (!break_glass && has_annotation(before, kHeld) && unpauses) {
    return denied(resource, object, "sluice-keep", "held by Rollout " + annotation(before, kRollout) +
                  ": promote, abort, or break the glass.");
  }
  return {};
}

void pin(const Json& before, Json& object) {
  if (has_annotation(object, kBreakGlass)) return;
  const std::string hash = annotation(before, kPin);
  object["metadata"]["annotations"][kPin] = hash;
  object["spec"]["selector"][kTemplateHash] = hash;
}

}  // namespace

Admission policies(std::string exempt_user) {
  return [exempt_user](const Resource& resource, const Json* before, Json& object, std::string_view by) -> Expected<void> {
    if (!before) return {};
    const bool exempt = by == exempt_user;
    if (resource == kube::resources::kDeployments && has_annotation(*before, kRollout)) {
      const bool break_glass = has_annotation(object, kBreakGlass);
      if (!exempt && !break_glass) gate(*before, object);
      return keep(resource, *before, object, exempt, break_glass);
    }
    if (resource == kube::resources::kServices && has_annotation(*before, kPin) && !exempt) pin(*before, object);
    return {};
  };
}

}  // namespace sluice::simulation
