// Rolling update, Recreate and what both leave of the history (rolling.go, recreate.go).
#include "tests/simulation/deployment_controller.h"

#include <algorithm>

#include "tests/simulation/deployment_marks.h"

namespace sluice::simulation {

using namespace kube::resources;
using namespace deployment;

bool DeploymentController::reconcile_new(Pass& pass) {
  Set& newest = pass.sets[static_cast<std::size_t>(pass.newest)];
  if (newest.replicas == pass.replicas) return false;
  if (newest.replicas > pass.replicas) return scale_replica_set(pass, newest, pass.replicas, false, kScaled);
  const int room = pass.replicas + pass.max_surge - total(pass);
  if (room <= 0) return false;
  return scale_replica_set(pass, newest, newest.replicas + std::min(room, pass.replicas - newest.replicas), false, kNative);
}

bool DeploymentController::reconcile_old(Pass& pass) {
  const Set newest = pass.sets[static_cast<std::size_t>(pass.newest)];
  std::vector<Set*> old;
  for (std::size_t i = 0; i < pass.sets.size(); ++i) {
    if (static_cast<std::ptrdiff_t>(i) != pass.newest && pass.sets[i].replicas > 0) old.push_back(&pass.sets[i]);
  }
  if (old.empty()) return false;
  const int min_available = pass.replicas - pass.max_unavailable;
  const int room = total(pass) - min_available - (newest.replicas - newest.available);
  if (room <= 0) return false;
  bool scaled = false;
  int cleaned = 0;
  for (Set* set : old) {  // cleanupUnhealthyReplicas
    if (cleaned >= room) break;
    const int unhealthy = std::min(room - cleaned, set->replicas - set->available);
    if (set->replicas == 0 || unhealthy <= 0) continue;
    scaled |= scale_replica_set(pass, *set, set->replicas - unhealthy, false, kNative);
    cleaned += unhealthy;
  }
  int available = newest.available;
  for (const Set* set : old) available += set->available;
  int surplus = available - min_available;
  for (Set* set : old) {  // scaleDownOldReplicaSetsForRollingUpdate
    if (surplus <= 0) break;
    const int down = std::min(set->replicas, surplus);
    if (down == 0) continue;
    scaled |= scale_replica_set(pass, *set, set->replicas - down, false, kNative);
    surplus -= down;
  }
  return scaled;
}

void DeploymentController::rollout_rolling(Pass& pass) {
  if (!get_new_replica_set(pass, true)) return;
  if (reconcile_new(pass) || reconcile_old(pass)) return sync_rollout_status(pass);
  cleanup(pass);
  sync_rollout_status(pass);
}

void DeploymentController::rollout_recreate(Pass& pass) {
  if (!get_new_replica_set(pass, false)) return;
  bool scaled = false;
  int old_pods = 0;
  for (std::size_t i = 0; i < pass.sets.size(); ++i) {
    if (static_cast<std::ptrdiff_t>(i) == pass.newest) continue;
    scaled |= scale_replica_set(pass, pass.sets[i], 0, false, kNative);
    for (const auto& owned : context_.server.owned_by(pass.sets[i].uid)) old_pods += *owned.resource == kPods;
  }
  if (scaled || old_pods > 0) return sync_rollout_status(pass);
  if (pass.newest < 0 && !get_new_replica_set(pass, true)) return;
  scale_replica_set(pass, pass.sets[static_cast<std::size_t>(pass.newest)], pass.replicas, false, kScaled);
  cleanup(pass);
  sync_rollout_status(pass);
}

// Deletes all but the last revisionHistoryLimit old sets. When not paused: only after the Deployment is complete.
void DeploymentController::cleanup(Pass& pass) {
  const Json& d = *pass.object;
  if (!pass.paused) {
    const Json status = d.contains("status") ? d["status"] : Json::object();
    if (number(status, {"updatedReplicas"}) != pass.replicas || number(status, {"replicas"}) != pass.replicas ||
        number(status, {"availableReplicas"}) != pass.replicas ||
        number(status, {"observedGeneration"}) < number(d, {"metadata", "generation"})) {
      return;
    }
  }
  const long long limit = number(d, {"spec", "revisionHistoryLimit"}, kNoLimit);
  if (limit == kNoLimit) return;
  std::vector<const Set*> old;
  for (std::size_t i = 0; i < pass.sets.size(); ++i) {
    if (static_cast<std::ptrdiff_t>(i) != pass.newest && !deleting(*pass.sets[i].object)) old.push_back(&pass.sets[i]);
  }
  const auto surplus = static_cast<long long>(old.size()) - limit;
  if (surplus <= 0) return;
  std::sort(old.begin(), old.end(), [](const Set* a, const Set* b) {
    const auto ra = integer_annotation(*a->object, kRevision, 0), rb = integer_annotation(*b->object, kRevision, 0);
    return ra != rb ? ra < rb : older(a->created, a->name, b->created, b->name);
  });
  std::vector<std::string> deleted;
  for (long long i = 0; i < surplus; ++i) {
    const Set& set = *old[static_cast<std::size_t>(i)];
    if (set.actual != 0 || set.replicas != 0 ||
        number(*set.object, {"metadata", "generation"}) > number(*set.object, {"status", "observedGeneration"})) {
      continue;
    }
    if (context_.server.remove(kSelf, kReplicaSets, set.name)) deleted.push_back(set.uid);
  }
  std::string newest_uid = pass.newest < 0 ? "" : pass.sets[static_cast<std::size_t>(pass.newest)].uid;
  std::erase_if(pass.sets, [&](const Set& s) { return std::find(deleted.begin(), deleted.end(), s.uid) != deleted.end(); });
  for (std::size_t i = 0; i < pass.sets.size(); ++i) {
    if (pass.sets[i].uid == newest_uid) pass.newest = static_cast<std::ptrdiff_t>(i);
  }
}

}  // namespace sluice::simulation
