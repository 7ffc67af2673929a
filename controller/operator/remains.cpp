#include "controller/operator/remains.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "controller/engine/names.h"
#include "controller/model/marks.h"
#include "controller/traffic/route.h"

namespace sluice::op {
namespace {

namespace marks = model::marks;

// Ours by label, of a Rollout that is not the living one.
bool left_over(const kube::ObjectMeta& meta, const std::string& ns, const std::string& living_uid) {
  const std::string_view uid = meta.annotation(marks::kUid);
  return meta.ns == ns && !uid.empty() && uid != living_uid;
}

template <typename T>
std::shared_ptr<const T> first_left_over(const kube::Informer<T>& cache, const kube::Name& rollout, const std::string& living_uid) {
  for (const auto& object : cache.store().by_label(marks::kRollout, rollout.name))
    if (left_over(object->meta, rollout.ns, living_uid)) return object;
  return nullptr;
}

// The Deployment that carries the Rollout's mark, or whose pods the left canary's would be.
std::shared_ptr<const model::Deployment> target_of(const Caches& caches, const kube::Name& rollout, const model::ReplicaSet* set,
                                                   const model::Rollout* living) {
  if (set == nullptr && living != nullptr) return caches.deployments.store().get({rollout.ns, living->target});
  std::shared_ptr<const model::Deployment> namesake;
  for (const auto& deployment : caches.deployments.store().in_namespace(rollout.ns)) {
    if (deployment->meta.annotation(marks::kRollout) == rollout.name) return deployment;
    if (set != nullptr && set->meta.name.starts_with(deployment->meta.name + "-")) namesake = deployment;
  }
  return namesake;
}

// The Service that the run was about: the one whose canary Service is left, else a pinned one in front of the Deployment.
std::string front_of(const Caches& caches, const kube::Name& rollout, const model::Service* canary, const model::Deployment* deployment) {
  std::string pinned;
  for (const auto& service : caches.services.store().in_namespace(rollout.ns)) {
    if (canary != nullptr && engine::canary_service_name(service->meta.name) == canary->meta.name) return service->meta.name;
    if (deployment != nullptr && !service->pin().empty() && service->covers(deployment->template_labels)) pinned = service->meta.name;
  }
  return pinned;
}

std::string route_of(const Caches& caches, const std::string& ns, const std::string& service) {
  if (service.empty()) return "";
  const traffic::Split split{ns, service, engine::canary_service_name(service), {}};
  for (const auto& route : caches.routes.store().in_namespace(ns)) {
    const bool ours = !route->meta.annotation(marks::kOriginal).empty() && traffic::names(route->rules, split, service);
    if (ours || traffic::canary_percent(route->rules, split)) return route->meta.name;
  }
  return "";
}

bool any_pin(const Caches& caches, const model::Deployment& deployment) {
  const auto services = caches.services.store().in_namespace(deployment.meta.ns);
  return std::any_of(services.begin(), services.end(),
                     [&](const auto& service) { return !service->pin().empty() && service->covers(deployment.template_labels); });
}

// The Deployment's own active set. If there are two, a hand-over was on: the one that the Service stands on, else the newest.
std::shared_ptr<const model::ReplicaSet> serving_set(const Caches& caches, const model::Deployment& deployment,
                                                     const std::string& service) {
  const auto front = caches.services.store().get({deployment.meta.ns, service});
  std::shared_ptr<const model::ReplicaSet> serving;
  for (const auto& set : caches.replica_sets.store().by_owner(deployment.meta.uid)) {
    if (set->replicas == 0) continue;
    if (front && front->pin() == set->hash) return set;
    if (!serving || set->meta.creation_time > serving->meta.creation_time) serving = set;
  }
  return serving;
}

}  // namespace

std::optional<model::Rollout> rollout_of_remains(const Caches& caches, const kube::Name& name) {
  const auto living = caches.rollouts.store().get(name);
  const std::string living_uid = living ? living->meta.uid : "";
  const auto set = first_left_over(caches.replica_sets, name, living_uid);
  const auto canary_service = first_left_over(caches.services, name, living_uid);
  const auto deployment = target_of(caches, name, set.get(), living.get());
  const bool marked = deployment && deployment->meta.annotation(marks::kRollout) == name.name;
  // Without a run nobody of the living pins; with one, pins and marks are the run's.
  const bool pinned = marked && (!living || !living->status.run) && any_pin(caches, *deployment);
  if (!set && !canary_service && !pinned && (living || !marked)) return std::nullopt;

  model::Rollout rollout;
  rollout.meta.ns = name.ns;
  rollout.meta.name = name.name;
  for (const auto* meta : {set ? &set->meta : nullptr, canary_service ? &canary_service->meta : nullptr})
    if (meta != nullptr && rollout.meta.uid.empty()) rollout.meta.uid = std::string(meta->annotation(marks::kUid));
  rollout.meta.deletion_time = Time{};
  rollout.meta.finalizers = {marks::kFinalizer};
  rollout.target = deployment ? deployment->meta.name : "";
  rollout.service = front_of(caches, name, canary_service.get(), deployment.get());
  rollout.route = route_of(caches, name.ns, rollout.service);
  if (!set && !canary_service && !pinned) return rollout;  // only the mark on the Deployment: nothing to retreat from

  model::Run run;
  run.outcome = model::Outcome::Left;
  run.why = "the Rollout was deleted and its finalizer forced away";
  run.service = rollout.service;
  run.route = rollout.route;
  run.stage = model::Stage::Retreating;
  run.max_weight = 100;  // it may have had traffic, so the way back waits for requests in flight
  if (const auto serving = deployment ? serving_set(caches, *deployment, rollout.service) : nullptr) {
    run.stable = serving->meta.name;
    run.stable_hash = serving->hash;
  }
  if (set) {
    run.canary = set->meta.name;
    run.borrowed = !set->meta.annotation(marks::kDeploymentRevision).empty();
    run.template_digest = set->template_digest;
  }
  rollout.status.run = run;
  return rollout;
}

}  // namespace sluice::op
