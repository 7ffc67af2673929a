#include "tests/simulation/replica_set_controller.h"

#include <algorithm>

#include "tests/simulation/conditions.h"
#include "tests/simulation/selectors.h"

namespace sluice::simulation {

namespace {
using namespace kube::resources;
constexpr std::string_view kSelf = "system:replicaset-controller";
constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";

// ResourceQuotas with a hard limit of pods refuse creation once it is reached.
std::string quota_refusal(const ApiServer& server, const Name& pod) {
  std::string refusal;
  server.each(kResourceQuotas, pod.ns, [&](const Name& quota, const JsonPtr& object) {
    const Json& hard = at(*object, {"spec", "hard", "pods"});
    if (hard.is_null() || !refusal.empty()) return;
    const long long limit =
        hard.is_string() ? std::strtoll(hard.get_ref<const std::string&>().c_str(), nullptr, 10) : hard.get<long long>();
    long long used = 0;
    server.each(kPods, pod.ns, [&](const Name&, const JsonPtr&) { ++used; });
    if (used < limit) return;
    refusal = "pods \"" + pod.name + "\" is forbidden: exceeded quota: " + quota.name +
              ", requested: pods=1, used: pods=" + std::to_string(used) + ", limited: pods=" + std::to_string(limit);
  });
  return refusal;
}
}  // namespace

ReplicaSetController::ReplicaSetController(Context& context, const Kubelet& kubelet)
    : context_(context), kubelet_(kubelet), worker_(context, context.options.replica_set, [this](const Name& name) { sync(name); }) {}

void ReplicaSetController::on_change(const Change& change) {
  if (*change.resource == kReplicaSets) {
    if (change.type != kube::WatchEvent::Type::Deleted) worker_.add(change.name);
  } else if (*change.resource == kPods) {
    const Json& owner = controller_of(*change.object);
    if (change.before) {
      const Json& previous = controller_of(*change.before);
      if (previous != owner && text(previous, {"kind"}) == "ReplicaSet") worker_.add({change.name.ns, text(previous, {"name"})});
    }
    if (text(owner, {"kind"}) == "ReplicaSet") {
      worker_.add({change.name.ns, text(owner, {"name"})});
    } else if (owner.is_null() && change.type != kube::WatchEvent::Type::Deleted) {
      const Json& labels = at(*change.object, {"metadata", "labels"});
      context_.server.each(kReplicaSets, change.name.ns, [&](const Name& name, const JsonPtr& set) {
        if (selects(at(*set, {"spec", "selector"}), labels)) worker_.add(name);
      });
    }
  } else if (*change.resource == kResourceQuotas) {
    context_.server.each(kReplicaSets, change.name.ns, [&](const Name& name, const JsonPtr&) { worker_.add(name); });
  }
}

std::vector<JsonPtr> ReplicaSetController::claim(const Json& set, const Name& name) {
  const Json& selector = at(set, {"spec", "selector"});
  std::vector<JsonPtr> active;
  std::vector<JsonPtr> released;
  for (const auto& owned : context_.server.owned_by(uid_of(set))) {
    if (*owned.resource != kPods) continue;
    const JsonPtr pod = context_.server.find(kPods, owned.name);
    if (deleting(*pod)) continue;
    (selects(selector, at(*pod, {"metadata", "labels"})) ? active : released).push_back(pod);
  }
  if (deleting(set)) return active;
  for (const auto& pod : released) {
    Json free = *pod;
    free["metadata"].erase("ownerReferences");
    (void)context_.server.update(kSelf, kPods, std::move(free));
  }
  std::vector<JsonPtr> orphans;
  context_.server.each(kPods, name.ns, [&](const Name&, const JsonPtr& pod) {
    if (controller_of(*pod).is_null() && !deleting(*pod) && selects(selector, at(*pod, {"metadata", "labels"}))) orphans.push_back(pod);
  });
  for (const auto& pod : orphans) {
    Json adopted = *pod;
    adopted["metadata"]["ownerReferences"].push_back(controller_reference(set));
    if (auto written = context_.server.update(kSelf, kPods, std::move(adopted))) active.push_back(written->object);
  }
  return active;
}

std::string ReplicaSetController::create_pods(const Json& set, const Name& name, int count) {
  const Json& template_meta = at(set, {"spec", "template", "metadata"});
  for (int i = 0; i < count; ++i) {
    std::string suffix(5, 'x');
    for (char& c : suffix) c = kAlphabet[context_.random.below(kAlphabet.size())];
    const Name pod_name{name.ns, name.name + "-" + suffix};
    if (auto refusal = quota_refusal(context_.server, pod_name); !refusal.empty()) return refusal;
    Json pod{{"metadata", {{"name", pod_name.name}, {"namespace", name.ns}}}, {"spec", at(set, {"spec", "template", "spec"})}};
    for (const char* field : {"labels", "annotations"}) {
      if (template_meta.contains(field)) pod["metadata"][field] = template_meta[field];
    }
    pod["metadata"]["ownerReferences"] = Json::array({controller_reference(set)});
    if (auto created = context_.server.create(kSelf, kPods, std::move(pod)); !created && !created.error().is(Error::Kind::Exists)) {
      return created.error().message;
    }
  }
  return "";
}

// getPodsToDelete: not running, then not ready, then the youngest.
void ReplicaSetController::delete_pods(const std::vector<JsonPtr>& pods, const Json& set, std::size_t count) {
  struct Candidate {
    Name name;
    const PodLife* life;
    std::string uid;
  };
  std::vector<Candidate> candidates;
  for (const auto& pod : pods) candidates.push_back({name_of(*pod), kubelet_.life(uid_of(*pod)), uid_of(*pod)});
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.life->running != b.life->running) return !a.life->running;
    if (a.life->ready != b.life->ready) return !a.life->ready;
    if (a.life->ready && a.life->ready_at != b.life->ready_at) return a.life->ready_at > b.life->ready_at;
    return a.uid < b.uid;
  });
  for (std::size_t i = 0; i < count; ++i) {
    context_.blame.excuse(candidates[i].uid, context_.blame.of(uid_of(set)));
    (void)context_.server.remove(kSelf, kPods, candidates[i].name);
  }
}

void ReplicaSetController::write_status(const JsonPtr& set, const Name& name, const std::vector<JsonPtr>& pods,
                                        const std::string& failure) {
  const auto now = context_.clock.now();
  const auto min_ready = Duration(1000 * number(*set, {"spec", "minReadySeconds"}));
  int ready = 0, available = 0;
  std::optional<Time> recheck;
  for (const auto& pod : pods) {
    const PodLife* life = kubelet_.life(uid_of(*pod));
    if (!life || !life->ready) continue;
    ++ready;
    if (life->ready_at + min_ready <= now) {
      ++available;
    } else if (!recheck || life->ready_at + min_ready < *recheck) {
      recheck = life->ready_at + min_ready;
    }
  }
  if (recheck) worker_.add_after(name, *recheck - now);
  Json status = Json::object();
  status["observedGeneration"] = number(*set, {"metadata", "generation"});
  status["replicas"] = pods.size();
  const auto put = [&](const char* field, int value) {  // omitempty
    if (value > 0) status[field] = value;
  };
  put("fullyLabeledReplicas", static_cast<int>(pods.size()));
  put("readyReplicas", ready);
  put("availableReplicas", available);
  if (const Json& conditions = at(*set, {"status", "conditions"}); conditions.is_array()) status["conditions"] = conditions;
  if (failure.empty()) {
    remove_condition(status, "ReplicaFailure");
  } else {
    set_condition(status, {"ReplicaFailure", "True", "FailedCreate", failure}, now);
  }
  if (at(*set, {"status"}) == status) return;
  Json object = *set;
  object["status"] = std::move(status);
  kube::WriteOptions options;
  options.subresource = "status";
  if (!context_.server.update(kSelf, kReplicaSets, std::move(object), options)) worker_.add_after(name, Duration(100));
}

void ReplicaSetController::sync(const Name& name) {
  const JsonPtr set = context_.server.find(kReplicaSets, name);
  if (!set) return;
  auto pods = claim(*set, name);
  const auto wanted = static_cast<std::size_t>(number(*set, {"spec", "replicas"}));
  std::string failure;
  if (!deleting(*set)) {
    if (pods.size() < wanted) {
      failure = create_pods(*set, name, static_cast<int>(wanted - pods.size()));
      if (!failure.empty()) worker_.add_after(name, context_.random.within({Duration(500), Duration(4000)}));
    } else if (pods.size() > wanted) {
      delete_pods(pods, *set, pods.size() - wanted);
    }
  }
  // Pods made or deleted just now are counted in the next pass, which their events bring about.
  write_status(set, name, pods, failure);
}

}  // namespace sluice::simulation
