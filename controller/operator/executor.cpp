#include "controller/operator/executor.h"

#include <variant>

#include "controller/engine/names.h"
#include "controller/model/marks.h"
#include "controller/model/read.h"
#include "controller/operator/objects.h"

namespace sluice::op {

namespace resources = kube::resources;
namespace marks = model::marks;
namespace e = engine;
using kube::Json;
using kube::Name;
using kube::PatchType;

namespace {

Json or_null(const std::optional<std::string>& value) { return value ? Json(*value) : Json(nullptr); }

// A merge patch of metadata that fails with a conflict unless the object still has this resourceVersion.
Json metadata_patch(const std::string& seen, const std::map<std::string, std::optional<std::string>>& annotations = {}) {
  Json metadata = Json::object();
  if (!seen.empty()) metadata["resourceVersion"] = seen;
  for (const auto& [key, value] : annotations) metadata["annotations"][key] = or_null(value);
  return {{"metadata", metadata}};
}

}  // namespace

// Carries out the effects of one pass. R's resourceVersion moves with our own writes to it.
struct Executor::Carry {
  Executor& x;
  const e::World& w;
  std::string rollout_version;

  const std::string& ns() const { return w.rollout.meta.ns; }
  Name named(const std::string& name) const { return {ns(), name}; }
  static kube::WriteOptions options(const std::string& subresource = "") {
    kube::WriteOptions options;
    options.field_manager = "sluice";
    options.subresource = subresource;
    return options;
  }

  // One patch, its result merged. NotFound is the caller's to judge.
  template <typename T>
  Expected<void> patch(kube::Informer<T>& into, const kube::Resource& resource, const std::string& name, PatchType type, const Json& body,
                       const std::string& subresource = "") {
    auto written = x.api_.patch(resource, named(name), type, body, options(subresource));
    if (!written) return Unexpected(written.error());
    into.merge(*written);
    return {};
  }

  Expected<void> patch_rollout(const Json& operations, const std::string& subresource) {
    auto written = x.api_.patch(resources::kRollouts, w.rollout.meta.key(), PatchType::Json, operations, options(subresource));
    if (!written) return Unexpected(written.error());
    rollout_version = kube::resource_version_of(*written);
    x.caches_.rollouts.merge(*written);
    return {};
  }

  Json version_test() const { return {{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", rollout_version}}; }

  Expected<void> operator()(const e::WriteStatus& effect) {
    if (w.departed) return {};  // the reconciler remembers it
    return patch_rollout(Json::array({version_test(), {{"op", "add"}, {"path", "/status"}, {"value", model::to_json(effect.status)}}}),
                         "status");
  }
  Expected<void> operator()(const e::AddFinalizer&) { return write_finalizers(true); }
  Expected<void> operator()(const e::RemoveFinalizer&) {
    if (w.departed) return {};
    auto done = write_finalizers(false);
    if (!done && done.error().is(Error::Kind::NotFound)) return {};
    return done;
  }
  Expected<void> write_finalizers(bool ours) {
    Json finalizers = Json::array();
    for (const std::string& finalizer : w.rollout.meta.finalizers)
      if (finalizer != marks::kFinalizer) finalizers.push_back(finalizer);
    if (ours) finalizers.push_back(marks::kFinalizer);
    return patch_rollout(Json::array({version_test(), {{"op", "add"}, {"path", "/metadata/finalizers"}, {"value", finalizers}}}), "");
  }

  Expected<void> operator()(const e::PatchDeployment& effect) {
    Json body = metadata_patch(effect.seen, effect.annotations);
    if (effect.paused) body["spec"]["paused"] = *effect.paused;
    if (effect.progress_deadline_seconds) body["spec"]["progressDeadlineSeconds"] = *effect.progress_deadline_seconds;
    return patch(x.caches_.deployments, resources::kDeployments, w.rollout.target, PatchType::Merge, body);
  }

  Expected<void> operator()(const e::PinService& effect) {
    const Json hash = effect.hash.empty() ? Json(nullptr) : Json(effect.hash);
    Json body = metadata_patch(effect.seen);
    body["metadata"]["annotations"][marks::kPin] = hash;
    body["spec"]["selector"][marks::kTemplateHash] = hash;
    return gone_is_done(patch(x.caches_.services, resources::kServices, effect.service, PatchType::Merge, body));
  }

  Expected<void> operator()(const e::CreateCanary& effect) {
    const auto deployment = x.api_.get(resources::kDeployments, named(w.rollout.target));
    if (!deployment) return Unexpected(deployment.error());
    if (model::template_digest(model::read::at(*deployment, {"spec", "template"})) != effect.template_digest)
      return fail(Error::Kind::Conflict, "the template was edited meanwhile");
    auto created = x.api_.create(resources::kReplicaSets, canary_replica_set(w.rollout, *deployment, effect), options());
    if (!created && created.error().is(Error::Kind::Exists)) {
      created = x.api_.get(resources::kReplicaSets, named(effect.name));
      if (created && model::read::text(*created, {"metadata", "annotations", marks::kUid}) != w.rollout.meta.uid)
        return fail(Error::Kind::Exists, "replicaset " + effect.name + " exists and is not of this Rollout: delete or rename it");
    }
    if (!created) return Unexpected(created.error());
    x.caches_.replica_sets.merge(*created);
    return {};
  }

  Expected<void> operator()(const e::BorrowReplicaSet& effect) {
    return patch(x.caches_.replica_sets, resources::kReplicaSets, effect.name, PatchType::Json,
                 borrow_patch(w.rollout, w.deployment->meta.uid, effect));
  }
  Expected<void> operator()(const e::ReturnReplicaSet& effect) {
    const auto* set = find(effect.name);
    if (set == nullptr || !w.deployment) return {};
    return gone_is_done(patch(x.caches_.replica_sets, resources::kReplicaSets, effect.name, PatchType::Merge,
                              owned_patch(*w.deployment, *set, effect.seen, {})));
  }
  Expected<void> operator()(const e::MoveToDeployment& effect) {
    const auto* set = find(effect.name);
    if (set == nullptr || !w.deployment) return fail(Error::Kind::Conflict, "the ReplicaSet or the Deployment has gone");
    return patch(x.caches_.replica_sets, resources::kReplicaSets, effect.name, PatchType::Merge,
                 owned_patch(*w.deployment, *set, effect.seen,
                             {{marks::kDesiredReplicas, std::to_string(effect.replicas)},
                              {marks::kMaxReplicas, std::to_string(effect.max_replicas)}}));
  }
  Expected<void> operator()(const e::ScaleReplicaSet& effect) {
    Json body = metadata_patch(effect.seen);
    body["spec"]["replicas"] = effect.replicas;
    return gone_is_done(patch(x.caches_.replica_sets, resources::kReplicaSets, effect.name, PatchType::Merge, body));
  }
  Expected<void> operator()(const e::AnnotateReplicaSet& effect) {
    Json body = metadata_patch(effect.seen);
    for (const auto& [key, value] : effect.annotations) body["metadata"]["annotations"][key] = value;
    return gone_is_done(patch(x.caches_.replica_sets, resources::kReplicaSets, effect.name, PatchType::Merge, body));
  }
  Expected<void> operator()(const e::DeleteReplicaSet& effect) {
    return gone_is_done(x.api_.remove(resources::kReplicaSets, named(effect.name), {effect.uid, "", "Background"}));
  }

  Expected<void> operator()(const e::PutCanaryService& effect) {
    if (!w.service) return fail(Error::Kind::Conflict, "the Service in front has gone");
    auto put = x.api_.create(resources::kServices, canary_service(w.rollout, *w.service, effect), options());
    if (!put && put.error().is(Error::Kind::Exists)) {
      put = x.api_.get(resources::kServices, named(effect.name));
      if (!put) return Unexpected(put.error());
      if (model::read::text(*put, {"metadata", "annotations", marks::kUid}) != w.rollout.meta.uid)
        return fail(Error::Kind::Exists, "service " + effect.name + " exists and is not of this Rollout: delete or rename it");
      Json body = metadata_patch(kube::resource_version_of(*put));
      body["spec"]["selector"][marks::kTemplateHash] = effect.hash;
      put = x.api_.patch(resources::kServices, named(effect.name), PatchType::Merge, body, options());
    }
    if (!put) return Unexpected(put.error());
    x.caches_.services.merge(*put);
    return {};
  }
  Expected<void> operator()(const e::DeleteCanaryService& effect) {
    return gone_is_done(x.api_.remove(resources::kServices, named(effect.name), {effect.uid, "", "Background"}));
  }

  Expected<void> operator()(const e::PatchRoute& effect) {
    Json body = metadata_patch(effect.seen, effect.annotations);
    body["spec"]["rules"] = effect.rules;
    return patch(x.caches_.routes, resources::kHttpRoutes, effect.route, PatchType::Merge, body);
  }

  Expected<void> operator()(const e::AnswerAction& effect) {
    const Json status{{"phase", effect.applied ? "Applied" : "Refused"},
                      {"message", effect.message},
                      {"at", format_time(std::chrono::floor<std::chrono::seconds>(x.clock_.now()))}};
    return gone_is_done(
        patch(x.caches_.actions, resources::kRolloutActions, effect.name, PatchType::Merge, {{"status", status}}, "status"));
  }

  Expected<void> operator()(const e::DeleteAction& effect) {
    return gone_is_done(x.api_.remove(resources::kRolloutActions, named(effect.name), {effect.uid, "", "Background"}));
  }

  Expected<void> operator()(const e::Emit& effect) {
    x.events_.emit(w.rollout, effect);
    return {};
  }

  const model::ReplicaSet* find(const std::string& name) const {
    for (const model::ReplicaSet& set : w.replica_sets)
      if (set.meta.name == name) return &set;
    return nullptr;
  }
  static Expected<void> gone_is_done(Expected<void> result) {
    if (!result && result.error().is(Error::Kind::NotFound)) return {};
    return result;
  }
};

Executor::Executor(kube::Api& api, Caches& caches, EventSink& events, const Clock& clock, std::function<bool()> may_write)
    : api_(api), caches_(caches), events_(events), clock_(clock), may_write_(std::move(may_write)) {}

Expected<void> Executor::apply(const e::World& world, const e::Plan& plan) {
  Carry carry{*this, world, world.rollout.meta.resource_version};
  for (const e::Effect& effect : plan.effects) {
    if (!may_write_()) return fail(Error::Kind::Cancelled, "the lease is not ours any more: " + e::describe(effect) + " is not done");
    if (auto done = std::visit(carry, effect); !done) return fail(e::describe(effect), done.error());
  }
  return {};
}

}  // namespace sluice::op
