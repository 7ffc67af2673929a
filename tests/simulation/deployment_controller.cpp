#include "tests/simulation/deployment_controller.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "common/core/digest.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/selectors.h"

namespace sluice::simulation {

namespace {

using namespace kube::resources;

constexpr std::string_view kSelf = "system:deployment-controller";
constexpr const char* kRevision = "deployment.kubernetes.io/revision";
constexpr const char* kRevisionHistory = "deployment.kubernetes.io/revision-history";
constexpr const char* kDesired = "deployment.kubernetes.io/desired-replicas";
constexpr const char* kMax = "deployment.kubernetes.io/max-replicas";
constexpr const char* kHash = "pod-template-hash";
constexpr const char* kNative = "rolling update of an unpaused Deployment";
constexpr const char* kScaled = "the Deployment was scaled";
constexpr long long kNoLimit = 2147483647;

bool skipped_annotation(const std::string& key) {
  return key == "kubectl.kubernetes.io/last-applied-configuration" || key == kRevision || key == kRevisionHistory || key == kDesired ||
         key == kMax || key == "deprecated.deployment.rollback.to";
}

long long integer_annotation(const Json& object, const char* key, long long fallback) {
  const std::string value = annotation(object, key);
  if (value.empty() || value.find_first_not_of("0123456789") != std::string::npos || value.size() > 10) return fallback;
  const long long parsed = std::strtoll(value.c_str(), nullptr, 10);
  return parsed > kNoLimit ? fallback : parsed;
}

bool older(const std::string& created_a, const Name& a, const std::string& created_b, const Name& b) {
  return created_a != created_b ? created_a < created_b : a.name < b.name;
}

bool progress_deadline(const Json& d) { return number(d, {"spec", "progressDeadlineSeconds"}, kNoLimit) != kNoLimit; }

}  // namespace

bool equal_ignore_hash(const Json& a, const Json& b) {
  if (!a.is_object() || !b.is_object() || a.size() != b.size()) return false;
  for (const auto& [key, value] : a.items()) {
    if (key != "metadata" && at(b, {key}) != value) return false;
  }
  const Json& left = at(a, {"metadata"});
  const Json& right = at(b, {"metadata"});
  const auto same_but_hash = [](const Json& x, const Json& y) {
    for (const auto& [key, value] : x.items()) {
      if (key != kHash && at(y, {key}) != value) return false;
    }
    return true;
  };
  const auto others = [](const Json& x, const Json& y) {
    for (const auto& [key, value] : x.items()) {
      if (key != "labels" && at(y, {key}) != value) return false;
    }
    return true;
  };
  static const Json kEmpty = Json::object();
  const Json& la = left.contains("labels") ? left["labels"] : kEmpty;
  const Json& lb = right.contains("labels") ? right["labels"] : kEmpty;
  return others(left, right) && others(right, left) && same_but_hash(la, lb) && same_but_hash(lb, la);
}

int scaled_value(const Json& value, int of, bool round_up) {
  if (value.is_number()) return value.get<int>();
  if (!value.is_string()) return 0;
  const double share = std::strtod(value.get_ref<const std::string&>().c_str(), nullptr) * of / 100.0;
  return static_cast<int>(round_up ? std::ceil(share) : std::floor(share));
}

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

// false: nothing more to do in this pass (a set was written and its change comes back to us, or the write failed).
bool DeploymentController::get_new_replica_set(Pass& pass, bool create) {
  const Json& d = *pass.object;
  long long max_old = 0;
  for (std::size_t i = 0; i < pass.sets.size(); ++i) {
    if (static_cast<std::ptrdiff_t>(i) != pass.newest) {
      max_old = std::max(max_old, integer_annotation(*pass.sets[i].object, kRevision, 0));
    }
  }
  if (pass.newest >= 0) {
    Set& newest = pass.sets[static_cast<std::size_t>(pass.newest)];
    Json object;
    const auto edit = [&]() -> Json& {
      if (object.is_null()) object = *newest.object;
      return object;
    };
    const Json& annotations = at(d, {"metadata", "annotations"});
    if (annotations.is_object()) {
      for (const auto& [key, value] : annotations.items()) {
        if (!skipped_annotation(key) && at(*newest.object, {"metadata", "annotations", key}) != value) {
          edit()["metadata"]["annotations"][key] = value;
        }
      }
    }
    const bool numbered = has_annotation(*newest.object, kRevision);
    const long long old_revision = integer_annotation(*newest.object, kRevision, 0);
    if (old_revision < max_old + 1) {
      Json& marks = edit()["metadata"]["annotations"];
      marks[kRevision] = std::to_string(max_old + 1);
      if (numbered) {
        const std::string history = annotation(*newest.object, kRevisionHistory);
        marks[kRevisionHistory] = (history.empty() ? "" : history + ",") + std::to_string(old_revision);
      }
    }
    const long long min_ready = number(d, {"spec", "minReadySeconds"});
    if (number(*newest.object, {"spec", "minReadySeconds"}) != min_ready) edit()["spec"]["minReadySeconds"] = min_ready;
    if (!object.is_null()) {
      auto written = context_.server.update(kSelf, kReplicaSets, std::move(object));
      if (!written) return false;
      newest = parse(written->object);
    }
    const std::string revision = annotation(*newest.object, kRevision);
    if (annotation(d, kRevision) != revision) pass.revision = revision;
    if (progress_deadline(d) && !find_condition(pass.status, "Progressing")) {
      set_condition(pass.status, {"Progressing", "True", "FoundNewReplicaSet", "Found new replica set \"" + newest.name.name + "\""},
                    context_.clock.now());
    }
    return true;
  }
  if (!create) return true;

  const Json& spec = d["spec"];
  const std::string hash = name_digest(spec["template"].dump() + "/" + std::to_string(number(pass.status, {"collisionCount"})), 10);
  Json set{{"metadata", {{"name", pass.name.name + "-" + hash}, {"namespace", pass.name.ns}}},
           {"spec", {{"selector", spec["selector"]}, {"template", spec["template"]}}}};
  set["spec"]["template"]["metadata"]["labels"][kHash] = hash;
  set["spec"]["selector"]["matchLabels"][kHash] = hash;
  if (const auto min_ready = number(d, {"spec", "minReadySeconds"})) set["spec"]["minReadySeconds"] = min_ready;
  set["metadata"]["labels"] = set["spec"]["template"]["metadata"]["labels"];
  set["metadata"]["ownerReferences"] = Json::array({controller_reference(d)});
  int replicas = pass.replicas;
  if (pass.rolling) replicas = std::max(0, std::min(pass.replicas + pass.max_surge - total(pass), pass.replicas));
  set["spec"]["replicas"] = replicas;
  Json& marks = set["metadata"]["annotations"];
  if (const Json& annotations = at(d, {"metadata", "annotations"}); annotations.is_object()) {
    for (const auto& [key, value] : annotations.items()) {
      if (!skipped_annotation(key)) marks[key] = value;
    }
  }
  marks[kRevision] = std::to_string(max_old + 1);
  marks[kDesired] = std::to_string(pass.replicas);
  marks[kMax] = std::to_string(pass.replicas + pass.max_surge);
  auto created = context_.server.create(kSelf, kReplicaSets, std::move(set));
  if (!created) {
    if (created.error().is(Error::Kind::Exists)) {  // a hash collision: another name in the next pass
      pass.status["collisionCount"] = number(pass.status, {"collisionCount"}) + 1;
      write_status(pass, pass.status);
    } else {
      worker_.add_after(pass.name, Duration(1000));
    }
    return false;
  }
  pass.sets.push_back(parse(created->object));
  pass.newest = static_cast<std::ptrdiff_t>(pass.sets.size()) - 1;
  pass.revision = std::to_string(max_old + 1);
  if (progress_deadline(d)) {
    set_condition(pass.status,
                  {"Progressing", "True", "NewReplicaSetCreated", "Created new replica set \"" + pass.sets.back().name.name + "\""},
                  context_.clock.now());
  }
  return true;
}

// promotion.capacity Rolling: the Deployment's own strategy lets the old pods go once the canary is the Deployment's.
bool DeploymentController::hands_over_by_its_strategy(const Json& deployment) const {
  if (!has_annotation(deployment, "sluice.dev/handover")) return false;
  const Name name = name_of(deployment);
  bool rolling = false;
  context_.server.each(kRollouts, name.ns, [&](const Name&, const JsonPtr& rollout) {
    rolling |= text(*rollout, {"spec", "targetRef", "name"}) == name.name && text(*rollout, {"spec", "promotion", "capacity"}) == "Rolling";
  });
  return rolling;
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

void DeploymentController::check_paused_conditions(Pass& pass) {
  if (!progress_deadline(*pass.object)) return;
  const Json* condition = find_condition(pass.status, "Progressing");
  const std::string reason = condition ? text(*condition, {"reason"}) : "";
  if (reason == "ProgressDeadlineExceeded") return;
  if (pass.paused && reason != "DeploymentPaused") {
    set_condition(pass.status, {"Progressing", "Unknown", "DeploymentPaused", "Deployment is paused"}, context_.clock.now());
  } else if (!pass.paused && reason == "DeploymentPaused") {
    set_condition(pass.status, {"Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed"}, context_.clock.now());
  } else {
    return;
  }
  write_status(pass, pass.status);
}

Json DeploymentController::calculate_status(const Pass& pass) const {
  int actual = 0, ready = 0, available = 0, updated = 0;
  for (std::size_t i = 0; i < pass.sets.size(); ++i) {
    actual += pass.sets[i].actual;
    ready += pass.sets[i].ready;
    available += pass.sets[i].available;
    if (static_cast<std::ptrdiff_t>(i) == pass.newest) updated = pass.sets[i].actual;
  }
  Json status = Json::object();
  status["observedGeneration"] = number(*pass.object, {"metadata", "generation"});
  const auto put = [&](const char* field, int value) {  // omitempty
    if (value > 0) status[field] = value;
  };
  put("replicas", actual);
  put("updatedReplicas", updated);
  put("readyReplicas", ready);
  put("availableReplicas", available);
  put("unavailableReplicas", total(pass) - available);
  put("collisionCount", static_cast<int>(number(pass.status, {"collisionCount"})));
  if (pass.status.contains("conditions")) status["conditions"] = pass.status["conditions"];
  if (available >= pass.replicas - pass.max_unavailable) {
    set_condition(status, {"Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."}, context_.clock.now());
  } else {
    set_condition(status, {"Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."},
                  context_.clock.now());
  }
  return status;
}

void DeploymentController::sync_rollout_status(Pass& pass) {
  Json status = calculate_status(pass);
  const Json& d = *pass.object;
  const auto count = [](const Json& s, const char* field) { return number(s, {field}); };
  const Json old = d.contains("status") ? d["status"] : Json::object();
  const Json* current = find_condition(pass.status, "Progressing");
  const std::string reason = current ? text(*current, {"reason"}) : "";
  const std::string subject = pass.newest >= 0 ? "ReplicaSet \"" + pass.sets[static_cast<std::size_t>(pass.newest)].name.name + "\""
                                               : "Deployment \"" + pass.name.name + "\"";
  const bool complete = count(status, "updatedReplicas") == pass.replicas && count(status, "replicas") == pass.replicas &&
                        count(status, "availableReplicas") == pass.replicas;
  if (!progress_deadline(d)) {
    remove_condition(status, "Progressing");
  } else if (count(status, "replicas") != count(status, "updatedReplicas") || reason != "NewReplicaSetAvailable") {
    const auto now = context_.clock.now();
    if (complete) {
      set_condition(status, {"Progressing", "True", "NewReplicaSetAvailable", subject + " has successfully progressed."}, now);
    } else if (count(status, "updatedReplicas") > count(old, "updatedReplicas") ||
               count(status, "replicas") - count(status, "updatedReplicas") < count(old, "replicas") - count(old, "updatedReplicas") ||
               count(status, "readyReplicas") > count(old, "readyReplicas") ||
               count(status, "availableReplicas") > count(old, "availableReplicas")) {
      refresh_condition(status, {"Progressing", "True", "ReplicaSetUpdated", subject + " is progressing."}, now);
    } else if (current && reason != "NewReplicaSetAvailable" && reason != "ProgressDeadlineExceeded") {
      const auto since = parse_time(text(*current, {"lastUpdateTime"}));
      const auto deadline = std::chrono::seconds(number(d, {"spec", "progressDeadlineSeconds"}));
      if (since && *since + deadline < now) {
        set_condition(status, {"Progressing", "False", "ProgressDeadlineExceeded", subject + " has timed out progressing."}, now);
      } else if (since) {
        worker_.add_after(pass.name, std::chrono::duration_cast<Duration>(*since + deadline - now) + Duration(1000));
      }
    }
  }
  remove_condition(status, "ReplicaFailure");
  for (const auto& set : pass.sets) {
    if (const Json* failure = find_condition(at(*set.object, {"status"}), "ReplicaFailure")) {
      set_condition(status, {"ReplicaFailure", "True", text(*failure, {"reason"}), text(*failure, {"message"})}, context_.clock.now());
      break;
    }
  }
  write_status(pass, std::move(status));
}

void DeploymentController::write_status(Pass& pass, Json status) {
  Json object = *pass.object;
  object["status"] = std::move(status);
  if (!pass.revision.empty()) object["metadata"]["annotations"][kRevision] = pass.revision;
  kube::WriteOptions options;
  options.subresource = "status";
  if (auto written = context_.server.update(kSelf, kDeployments, std::move(object), options)) {
    pass.object = written->object;
    pass.status = pass.object->value("status", Json::object());
    pass.revision.clear();
  } else {
    worker_.add_after(pass.name, Duration(100));
  }
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
