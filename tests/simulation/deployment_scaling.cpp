// Scaling events, paused or not: the Deployment's size shared out among its ReplicaSets (sync.go).
#include "tests/simulation/deployment_controller.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tests/simulation/deployment_marks.h"

namespace sluice::simulation {

using namespace kube::resources;
using namespace deployment;

int scaled_value(const Json& value, int of, bool round_up) {
  if (value.is_number()) return value.get<int>();
  if (!value.is_string()) return 0;
  const double share = std::strtod(value.get_ref<const std::string&>().c_str(), nullptr) * of / 100.0;
  return static_cast<int>(round_up ? std::ceil(share) : std::floor(share));
}

bool DeploymentController::scale_replica_set(Pass& pass, Set& set, int replicas, bool force, const std::string& excuse) {
  if (!force && set.replicas == replicas) return false;
  const std::string desired = std::to_string(pass.replicas);
  const std::string max = std::to_string(pass.replicas + pass.max_surge);
  const bool resize = set.replicas != replicas;
  if (!resize && annotation(*set.object, kDesired) == desired && annotation(*set.object, kMax) == max) return false;
  if (replicas < set.replicas) {
    context_.blame.excuse(set.uid,
                          excuse.empty() && hands_over_by_its_strategy(*pass.object) ? "the Deployment's own strategy finishes" : excuse);
    if (excuse.empty() && has_annotation(*pass.object, "sluice.dev/rollout") && !has_annotation(*pass.object, "sluice.dev/handover")) {
      context_.violation("I3: paused Deployment " + pass.name.str() + " scales " + set.name.name + " from " + std::to_string(set.replicas) +
                         " to " + std::to_string(replicas) + " before the hand-over");
    }
  }
  Json object = *set.object;
  object["spec"]["replicas"] = replicas;
  object["metadata"]["annotations"][kDesired] = desired;
  object["metadata"]["annotations"][kMax] = max;
  auto written = context_.server.update(kSelf, kReplicaSets, std::move(object));
  if (!written) {
    worker_.add_after(pass.name, Duration(100));
    return false;
  }
  set = parse(written->object);
  return resize;
}

// sync.go scale(): scaling events and paused Deployments.
void DeploymentController::scale(Pass& pass) {
  std::vector<Set*> active;
  for (auto& set : pass.sets) {
    if (set.replicas > 0) active.push_back(&set);
  }
  // FindActiveOrLatest.
  Set* only = nullptr;
  if (active.size() == 1) {
    only = active.front();
  } else if (active.empty() && !pass.sets.empty()) {
    only = pass.newest >= 0 ? &pass.sets[static_cast<std::size_t>(pass.newest)] : &pass.sets.back();
  }
  if (only) {
    scale_replica_set(pass, *only, pass.replicas, false, kScaled);
    return;
  }
  if (active.empty()) return;
  if (pass.newest >= 0) {  // IsSaturated: the new set is full and says so
    const Set& newest = pass.sets[static_cast<std::size_t>(pass.newest)];
    if (newest.replicas == pass.replicas && newest.available == pass.replicas &&
        integer_annotation(*newest.object, kDesired, -1) == pass.replicas) {
      for (Set* set : active) {
        if (set != &newest) scale_replica_set(pass, *set, 0, false, pass.paused ? "" : kNative);
      }
      return;
    }
  }
  if (!pass.rolling) return;
  int sum = 0;
  bool rescaled = false;
  for (const Set* set : active) {
    sum += set->replicas;
    rescaled |= integer_annotation(*set->object, kDesired, pass.replicas) != pass.replicas;
  }
  const int allowed = pass.replicas > 0 ? pass.replicas + pass.max_surge : 0;
  const int to_add = allowed - sum;
  if (to_add > 0) {  // ReplicaSetsBySizeNewer
    std::sort(active.begin(), active.end(), [](const Set* a, const Set* b) {
      return a->replicas != b->replicas ? a->replicas > b->replicas : older(b->created, b->name, a->created, a->name);
    });
  } else if (to_add < 0) {  // ReplicaSetsBySizeOlder
    std::sort(active.begin(), active.end(), [](const Set* a, const Set* b) {
      return a->replicas != b->replicas ? a->replicas > b->replicas : older(a->created, a->name, b->created, b->name);
    });
  }
  int added = 0;
  std::vector<int> size;
  for (const Set* set : active) {
    int proportion = 0;
    if (to_add != 0 && to_add != added) {  // GetReplicaSetProportion, getReplicaSetFraction
      if (pass.replicas == 0) {
        proportion = -set->replicas;
      } else {
        long long before = integer_annotation(*set->object, kMax, 0);
        if (before == 0) before = number(pass.status, {"replicas"});
        if (before != 0) {
          const double wanted = static_cast<double>(set->replicas) * (pass.replicas + pass.max_surge) / static_cast<double>(before);
          proportion = static_cast<int>(std::lround(wanted)) - set->replicas;
        }
      }
      proportion = to_add > 0 ? std::min(proportion, to_add - added) : std::max(proportion, to_add - added);
    }
    size.push_back(set->replicas + proportion);
    added += proportion;
  }
  for (std::size_t i = 0; i < active.size(); ++i) {
    if (i == 0 && to_add != 0) size[0] = std::max(0, size[0] + to_add - added);
    scale_replica_set(pass, *active[i], size[i], true, pass.paused && !rescaled ? "" : kScaled);
  }
}

bool DeploymentController::scaling_event(const Pass& pass) const {
  return std::any_of(pass.sets.begin(), pass.sets.end(), [&](const Set& set) {
    return set.replicas > 0 && integer_annotation(*set.object, kDesired, pass.replicas) != pass.replicas;
  });
}

}  // namespace sluice::simulation
