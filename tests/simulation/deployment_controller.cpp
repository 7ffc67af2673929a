#include "tests/simulation/deployment_controller.h"

#include <algorithm>

#include "tests/simulation/deployment_marks.h"
#include "tests/simulation/selectors.h"

namespace sluice::simulation {

using namespace kube::resources;
using namespace deployment;

DeploymentController::DeploymentController(Context& context)
    : context_(context), worker_(context, context.options.deployment, [this](const Name& name) { sync(name); }) {}

void DeploymentController::on_change(const Change& change) {
  if (*change.resource == kDeployments) {
    worker_.add(change.name);
  } else if (*change.resource == kReplicaSets) {
    enqueue_owner_or_matching(change);
  } else if (*change.resource == kPods && change.type == kube::WatchEvent::Type::Deleted) {
    // Recreate waits for the old pods to be gone.
    const auto set = context_.server.find(kReplicaSets, {change.name.ns, text(controller_of(*change.object), {"name"})});
    if (!set) return;
    const Json& owner = controller_of(*set);
    if (text(owner, {"kind"}) == "Deployment") worker_.add({change.name.ns, text(owner, {"name"})});
  }
}

void DeploymentController::enqueue_owner_or_matching(const Change& change) {
  const Json& owner = controller_of(*change.object);
  const Json& before = change.before ? controller_of(*change.before) : owner;
  if (text(before, {"kind"}) == "Deployment") worker_.add({change.name.ns, text(before, {"name"})});
  if (!owner.is_null()) {
    if (text(owner, {"kind"}) == "Deployment") worker_.add({change.name.ns, text(owner, {"name"})});
    return;
  }
  const Json& labels = at(*change.object, {"metadata", "labels"});
  context_.server.each(kDeployments, change.name.ns, [&](const Name& name, const JsonPtr& d) {
    if (selects(at(*d, {"spec", "selector"}), labels)) worker_.add(name);
  });
}

DeploymentController::Set DeploymentController::parse(const JsonPtr& object) const {
  Set set;
  set.object = object;
  set.name = name_of(*object);
  set.uid = uid_of(*object);
  set.created = text(*object, {"metadata", "creationTimestamp"});
  set.replicas = static_cast<int>(number(*object, {"spec", "replicas"}));
  set.actual = static_cast<int>(number(*object, {"status", "replicas"}));
  set.ready = static_cast<int>(number(*object, {"status", "readyReplicas"}));
  set.available = static_cast<int>(number(*object, {"status", "availableReplicas"}));
  return set;
}

bool DeploymentController::load(Pass& pass, const Name& name) {
  pass.object = context_.server.find(kDeployments, name);
  if (!pass.object) return false;
  const Json& d = *pass.object;
  pass.name = name;
  pass.replicas = static_cast<int>(number(d, {"spec", "replicas"}, 1));
  pass.paused = flag(d, {"spec", "paused"});
  pass.rolling = text(d, {"spec", "strategy", "type"}) == "RollingUpdate";
  if (pass.rolling) {
    const Json& update = at(d, {"spec", "strategy", "rollingUpdate"});
    pass.max_surge = scaled_value(at(update, {"maxSurge"}), pass.replicas, true);
    pass.max_unavailable = scaled_value(at(update, {"maxUnavailable"}), pass.replicas, false);
    if (pass.max_surge == 0 && pass.max_unavailable == 0) pass.max_unavailable = 1;
    pass.max_unavailable = std::min(pass.max_unavailable, pass.replicas);
  }
  pass.status = d.contains("status") ? d["status"] : Json::object();
  return true;
}

// ClaimReplicaSets: owned sets that no longer match are released, ownerless ones that match are adopted.
void DeploymentController::claim(Pass& pass) {
  const Json& d = *pass.object;
  const Json& selector = at(d, {"spec", "selector"});
  const std::string uid = uid_of(d);
  std::vector<JsonPtr> mine, orphans, released;
  context_.server.each(kReplicaSets, pass.name.ns, [&](const Name&, const JsonPtr& set) {
    const Json& owner = controller_of(*set);
    const bool match = selects(selector, at(*set, {"metadata", "labels"}));
    if (owner.is_null()) {
      if (match && !deleting(*set)) orphans.push_back(set);
    } else if (text(owner, {"uid"}) == uid) {
      (match ? mine : released).push_back(set);
    }
  });
  if (!deleting(d)) {
    for (const auto& set : orphans) {
      Json adopted = *set;
      adopted["metadata"]["ownerReferences"].push_back(controller_reference(d));
      if (auto done = context_.server.update(kSelf, kReplicaSets, std::move(adopted))) mine.push_back(done->object);
    }
    for (const auto& set : released) {
      Json free = *set;
      auto& owners = free["metadata"]["ownerReferences"];
      owners.erase(std::remove_if(owners.begin(), owners.end(), [&](const Json& o) { return text(o, {"uid"}) == uid; }), owners.end());
      (void)context_.server.update(kSelf, kReplicaSets, std::move(free));
    }
  }
  for (const auto& set : mine) pass.sets.push_back(parse(set));
  std::sort(pass.sets.begin(), pass.sets.end(), [](const Set& a, const Set& b) { return older(a.created, a.name, b.created, b.name); });
  for (std::size_t i = 0; i < pass.sets.size(); ++i) {
    if (equal_ignore_hash(at(*pass.sets[i].object, {"spec", "template"}), at(d, {"spec", "template"}))) {
      pass.newest = static_cast<std::ptrdiff_t>(i);
      break;
    }
  }
}

int DeploymentController::total(const Pass& pass) const {
  int sum = 0;
  for (const auto& set : pass.sets) sum += set.replicas;
  return sum;
}

void DeploymentController::sync(const Name& name) {
  Pass pass;
  if (!load(pass, name)) return;
  claim(pass);
  if (deleting(*pass.object)) {
    if (get_new_replica_set(pass, false)) write_status(pass, calculate_status(pass));
    return;
  }
  check_paused_conditions(pass);
  if (pass.paused || scaling_event(pass)) {
    if (!get_new_replica_set(pass, false)) return;
    scale(pass);
    if (pass.paused) cleanup(pass);
    write_status(pass, calculate_status(pass));
    return;
  }
  if (pass.rolling) {
    rollout_rolling(pass);
  } else {
    rollout_recreate(pass);
  }
}

}  // namespace sluice::simulation
