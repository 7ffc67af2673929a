#include "tests/simulation/policies.h"

#include <array>

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
  // The shipped policies give no reason, so the API server answers 422 Invalid.
  return Unexpected(
      Error{Error::Kind::Invalid,
            called(resource, name_of(object)) + " is forbidden: ValidatingAdmissionPolicy '" + policy + "' denied request: " + why,
            422,
            {}});
}

// The operator's marks are the operator's: nobody else drops, changes or forges them (manifests/policies/gate.yaml).
constexpr std::array<const char*, 7> kMarks{kRollout,   kHeld, kPinned, kHandover, "sluice.dev/run", "sluice.dev/progress-deadline",
                                            kBreakGlass};

bool template_edited(const Json& before, const Json& object) {
  return at(before, {"spec", "template"}) != at(object, {"spec", "template"});
}

// The mark must have come in a request of its own: together with a new template it may be an old one that undo dug out.
bool glass_broken(const Json* before, const Json& object) {
  return before && has_annotation(object, kBreakGlass) && (has_annotation(*before, kBreakGlass) || !template_edited(*before, object));
}

void gate(const Json* before, Json& object) {
  const bool edited = before && has_annotation(*before, kRollout) && template_edited(*before, object);
  for (const char* mark : kMarks) {
    const bool was = before && has_annotation(*before, mark);
    if (was && mark != kBreakGlass) {
      object["metadata"]["annotations"][mark] = annotation(*before, mark);
    } else if (!was && has_annotation(object, mark)) {
      object["metadata"]["annotations"].erase(mark);
    }
  }
  if (edited) {
    object["spec"]["paused"] = true;
    if (!has_annotation(*before, kHeld)) object["metadata"]["annotations"][kHeld] = "true";
  }
}

Expected<void> keep(const Resource& resource, const Json& before, const Json& object, bool exempt) {
  const bool unpauses = flag(before, {"spec", "paused"}) && !flag(object, {"spec", "paused"});
  const std::string rollout = annotation(before, kRollout);
  // The release itself takes the mark away and unpauses in one request; only the operator may do that.
  if (unpauses && has_annotation(exempt ? object : before, kPinned)) {
    return denied(resource, object, "sluice-keep",
                  "it cannot be unpaused while Services are pinned to one of its ReplicaSets (Rollout " + rollout + ")");
  }
  if (exempt || glass_broken(&before, object)) return {};
  if (unpauses && has_annotation(before, kHeld)) {
    return denied(resource, object, "sluice-keep", "held by Rollout " + rollout + " until its new template is proven, so it stays paused");
  }
  if (has_annotation(before, kHandover) && template_edited(before, object)) {
    return denied(resource, object, "sluice-keep", "it is being handed its proven pods by Rollout " + rollout + ": try again in a moment");
  }
  return {};
}

void pin(const Json& before, Json& object) {
  // A new mark breaks the glass; one that stood before and is only carried along does not.
  if (has_annotation(object, kBreakGlass) && annotation(before, kBreakGlass) != annotation(object, kBreakGlass)) return;
  const std::string hash = annotation(before, kPin);
  object["metadata"]["annotations"][kPin] = hash;
  object["spec"]["selector"][kTemplateHash] = hash;
}

}  // namespace

Admission policies(std::string exempt_user) {
  return [exempt_user](const Resource& resource, const Json* before, Json& object, std::string_view by) -> Expected<void> {
    const bool exempt = by == exempt_user;
    if (resource == kube::resources::kDeployments) {
      if (!exempt && !glass_broken(before, object)) gate(before, object);
      const bool kept = before && (has_annotation(*before, kRollout) || has_annotation(*before, kPinned));
      if (kept) return keep(resource, *before, object, exempt);
    } else if (resource == kube::resources::kServices && before && has_annotation(*before, kPin) && !exempt) {
      pin(*before, object);
    }
    return {};
  };
}

}  // namespace sluice::simulation
