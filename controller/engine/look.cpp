#include "controller/engine/look.h"

#include <algorithm>
#include <cmath>

#include "common/core/percent.h"
#include "controller/model/marks.h"

namespace sluice::engine {

namespace marks = model::marks;

const model::ReplicaSet* find_set(const World& w, const std::string& name) {
  for (const model::ReplicaSet& set : w.replica_sets)
    if (!name.empty() && set.meta.name == name) return &set;
  return nullptr;
}

std::vector<const model::ReplicaSet*> active_sets(const World& w) {
  std::vector<const model::ReplicaSet*> active;
  for (const model::ReplicaSet& set : w.replica_sets)
    if (w.deployment && set.owned_by(w.deployment->meta.uid) && set.replicas > 0) active.push_back(&set);
  std::sort(active.begin(), active.end(), [](const auto* a, const auto* b) {
    return std::tie(a->meta.creation_time, a->meta.name) > std::tie(b->meta.creation_time, b->meta.name);
  });
  return active;
}

const model::ReplicaSet* find_stable(const World& w) {
  const auto active = active_sets(w);
  if (active.size() == 1) return active.front();
  if (!active.empty() || !w.deployment) return nullptr;
  const model::ReplicaSet* equal = nullptr;
  for (const model::ReplicaSet& set : w.replica_sets) {
    if (!set.owned_by(w.deployment->meta.uid)) continue;
    if (set.meta.name == w.rollout.status.stable_replica_set) return &set;
    if (set.template_digest == w.deployment->template_digest) equal = &set;
  }
  return equal;
}

const model::ReplicaSet* find_in_history(const World& w) {
  const model::ReplicaSet* oldest = nullptr;
  for (const model::ReplicaSet& set : w.replica_sets) {
    if (!w.deployment || !set.owned_by(w.deployment->meta.uid)) continue;
    if (set.template_digest != w.deployment->template_digest) continue;
    if (oldest == nullptr || std::tie(set.meta.creation_time, set.meta.name) < std::tie(oldest->meta.creation_time, oldest->meta.name))
      oldest = &set;
  }
  return oldest;
}

std::vector<const model::Pod*> pods_of(const World& w, const model::ReplicaSet& set) {
  std::vector<const model::Pod*> pods;
  for (const model::Pod& pod : w.pods)
    if (pod.meta.owner && pod.meta.owner->uid == set.meta.uid) pods.push_back(&pod);
  return pods;
}

PodNames ready_pods(const World& w, const model::ReplicaSet& set) {
  PodNames names;
  for (const model::Pod* pod : pods_of(w, set))
    if (pod->ready && !pod->terminating()) names.insert(pod->meta.name);
  return names;
}

PodNames endpoints(const World& w, const std::string& service) {
  PodNames names;
  for (const model::EndpointSlice& slice : w.slices) {
    if (slice.service != service) continue;
    for (const auto& endpoint : slice.endpoints)
      if (endpoint.ready) names.insert(endpoint.pod);
  }
  return names;
}

std::vector<const model::Service*> pinnable(const World& w) {
  std::vector<const model::Service*> services;
  const std::string canary = w.canary_service ? w.canary_service->meta.name : "";
  for (const FrontService& front : w.services)
    if (!front.selects_strangers && front.service.meta.name != canary && front.service.meta.labels.count(marks::kRollout) == 0)
      services.push_back(&front.service);
  return services;
}

namespace {
bool pinned_to(const model::Service& service, const std::string& hash) {
  const auto selector = service.selector.find(marks::kTemplateHash);
  if (hash.empty()) return service.pin().empty();
  return service.pin() == hash && selector != service.selector.end() && selector->second == hash;
}
}  // namespace

bool all_pinned_to(const World& w, const std::string& hash) {
  const auto services = pinnable(w);
  return std::all_of(services.begin(), services.end(), [&](const auto* service) { return pinned_to(*service, hash); });
}

bool pin_all(Pass& pass, const std::string& hash) {
  bool done = true;
  for (const model::Service* service : pinnable(pass.w)) {
    if (pinned_to(*service, hash)) continue;
    pass.effect(PinService{service->meta.name, hash, service->meta.resource_version});
    done = false;
  }
  return done;
}

traffic::Split split_of(const Pass& pass) {
  const Run& run = pass.run();
  return {pass.rollout().meta.ns, run.service, canary_service_name(run.service), pass.rollout().rules};
}

bool joined(const World& w) { return w.route && w.route->meta.annotations.count(marks::kOriginal) != 0; }

std::optional<Json> original_rules(const World& w) {
  if (!joined(w)) return std::nullopt;
  Json rules = Json::parse(w.route->meta.annotations.at(marks::kOriginal), nullptr, false);
  if (!rules.is_array()) return std::nullopt;
  return rules;
}

Expected<Json> rules_at(const Pass& pass, int percent) {
  const auto original = original_rules(pass.w);
  if (!original) return fail(Error::Kind::Invalid, std::string("annotation ") + marks::kOriginal + " of the HTTPRoute cannot be read");
  return traffic::with_canary(*original, split_of(pass), percent);
}

std::string mark(const std::map<std::string, std::string>& all, const char* key) {
  const auto found = all.find(key);
  return found == all.end() ? "" : found->second;
}

std::string run_name(const Pass& pass) { return pass.rollout().meta.name + "/" + std::to_string(pass.run().revision); }

int step_replicas(const Pass& pass, int number) {
  const auto& steps = pass.rollout().steps;
  const model::Step& step = steps[static_cast<std::size_t>(std::clamp<int>(number, 1, static_cast<int>(steps.size()))) - 1];
  const int target = pass.w.deployment ? pass.w.deployment->replicas : 1;
  if (pass.run().route.empty()) return std::max(1, step.weight * target / std::max(1, 100 - step.weight));
  if (!step.replicas.empty()) return std::max(1, scaled_count(step.replicas, target).value_or(1));
  return std::max(1, (step.weight * target + 99) / 100);
}

std::string plural(int count, const std::string& noun) { return std::to_string(count) + " " + noun + (count == 1 ? "" : "s"); }

}  // namespace sluice::engine
