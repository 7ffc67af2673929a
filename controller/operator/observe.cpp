#include "controller/operator/observe.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "controller/engine/names.h"
#include "controller/model/marks.h"

namespace sluice::op {
namespace {

namespace marks = model::marks;

// An older Rollout (by creation, then by name) on the same Deployment.
std::string rival_of(const Caches& caches, const model::Rollout& rollout) {
  for (const auto& other : caches.rollouts.store().by_index("target", rollout.meta.ns + "/" + rollout.target)) {
    if (other->meta.uid == rollout.meta.uid) continue;
    if (std::tie(other->meta.creation_time, other->meta.name) < std::tie(rollout.meta.creation_time, rollout.meta.name))
      return other->meta.name;
  }
  return "";
}

void observe_actions(const Caches& caches, const kube::Name& key, engine::World& world) {
  for (const auto& action : caches.actions.store().by_index("rollout", key.ns + "/" + key.name)) {
    if (action->answered()) world.answered.push_back(*action);
    else if (!action->meta.deletion_time) world.actions.push_back(*action);
  }
  std::sort(world.actions.begin(), world.actions.end(), [](const auto& a, const auto& b) {
    return std::tie(a.meta.creation_time, a.meta.name) < std::tie(b.meta.creation_time, b.meta.name);
  });
}

void observe_sets(const Caches& caches, const model::Rollout& rollout, engine::World& world) {
  std::set<std::string> seen;
  const auto take = [&](const model::ReplicaSet& set) {
    if (set.meta.ns == rollout.meta.ns && seen.insert(set.meta.uid).second) world.replica_sets.push_back(set);
  };
  if (world.deployment)
    for (const auto& set : caches.replica_sets.store().by_owner(world.deployment->meta.uid)) take(*set);
  for (const auto& set : caches.replica_sets.store().by_label(marks::kRollout, rollout.meta.name)) take(*set);
  for (const std::string& uid : seen)
    for (const auto& pod : caches.pods.store().by_owner(uid)) world.pods.push_back(*pod);
}

// Every Service of the namespace that covers the Deployment's pods, and whether it selects pods of others, too.
void observe_services(const Caches& caches, const model::Rollout& rollout, const std::string& front, engine::World& world) {
  std::set<std::string> own;
  for (const model::Pod& pod : world.pods) own.insert(pod.meta.uid);
  const auto pods = caches.pods.store().in_namespace(rollout.meta.ns);
  // Pods that a deleted ReplicaSet left are about to go; they make nobody a stranger.
  const auto orphaned = [&](const model::Pod& pod) {
    if (!pod.meta.owner || pod.meta.owner->kind != "ReplicaSet") return false;
    const auto set = caches.replica_sets.store().get({pod.meta.ns, pod.meta.owner->name});
    return !set || set->meta.uid != pod.meta.owner->uid;
  };
  const std::string canary = engine::canary_service_name(front);
  for (const auto& service : caches.services.store().in_namespace(rollout.meta.ns)) {
    if (service->meta.name == front) world.service = *service;
    if (service->meta.name == canary) world.canary_service = *service;
    if (!world.deployment || !service->covers(world.deployment->template_labels)) continue;
    const bool strangers = std::any_of(pods.begin(), pods.end(), [&](const auto& pod) {
      return !own.count(pod->meta.uid) && !pod->terminating() && service->covers(pod->meta.labels) && !orphaned(*pod);
    });
    world.services.push_back({*service, strangers});
  }
  std::set<std::string> names{front, canary};
  for (const auto& covering : world.services) names.insert(covering.service.meta.name);
  for (const std::string& name : names)
    for (const auto& slice : caches.slices.store().by_index("service", rollout.meta.ns + "/" + name)) world.slices.push_back(*slice);
}

}  // namespace

engine::World observe(const Caches& caches, const model::Rollout& rollout, const engine::Settings& settings) {
  const kube::Name key = rollout.meta.key();
  engine::World world;
  world.rollout = rollout;
  world.settings = settings;
  world.rival = rival_of(caches, rollout);
  observe_actions(caches, key, world);
  if (const auto deployment = caches.deployments.store().get({key.ns, rollout.target})) world.deployment = *deployment;
  observe_sets(caches, rollout, world);
  // A run ends on the references that it began on, whatever the spec says now.
  const auto& run = rollout.status.run;
  observe_services(caches, rollout, run && !run->service.empty() ? run->service : rollout.service, world);
  const std::string route = run ? run->route : rollout.route;
  if (!route.empty())
    if (const auto found = caches.routes.store().get({key.ns, route})) world.route = *found;
  return world;
}

}  // namespace sluice::op
