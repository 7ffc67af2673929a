// The marks that Sluice puts on objects, all under sluice.dev/. Marks on users' objects inform people and policies; they
// are never believed over a Rollout's status, as `rollout undo` brings old annotation maps back.
#pragma once

namespace sluice::model::marks {

// Deployment: the Rollout that manages it, while adopted.
inline constexpr const char* kRollout = "sluice.dev/rollout";
// Deployment: set by the gate policy from a template edit until release.
inline constexpr const char* kHeld = "sluice.dev/held";
// Deployment: "<rollout>/<revision>" of the run, for people.
inline constexpr const char* kRun = "sluice.dev/run";
// Deployment: while any Service is pinned; forbids unpausing to everybody.
inline constexpr const char* kPinned = "sluice.dev/pinned";
// Deployment: for the seconds of the hand-over; forbids template edits.
inline constexpr const char* kHandover = "sluice.dev/handover";
// Deployment: its progressDeadlineSeconds before the Pause gate replaced it.
inline constexpr const char* kProgressDeadline = "sluice.dev/progress-deadline";
// Anything: "<reason>": people have taken over; the operator stays out.
inline constexpr const char* kBreakGlass = "sluice.dev/break-glass";
// Service: the pod-template-hash that its selector is pinned to.
inline constexpr const char* kPin = "sluice.dev/pin";
// HTTPRoute: its rules as they were before the split.
inline constexpr const char* kOriginal = "sluice.dev/original";
// HTTPRoute: "<run>/<reason>" once a run has failed: from here only retreat is possible.
inline constexpr const char* kRetreat = "sluice.dev/retreat";
// What we create (canary ReplicaSet and Service): label with the Rollout's name, annotations with its uid and the revision.
inline constexpr const char* kUid = "sluice.dev/rollout-uid";
inline constexpr const char* kRevision = "sluice.dev/revision";
inline constexpr const char* kFinalizer = "sluice.dev/rollout";

// Kubernetes' own.
inline constexpr const char* kTemplateHash = "pod-template-hash";
inline constexpr const char* kDeploymentRevision = "deployment.kubernetes.io/revision";
inline constexpr const char* kDesiredReplicas = "deployment.kubernetes.io/desired-replicas";
inline constexpr const char* kMaxReplicas = "deployment.kubernetes.io/max-replicas";
inline constexpr const char* kServiceName = "kubernetes.io/service-name";

}  // namespace sluice::model::marks
