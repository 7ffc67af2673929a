// The ReplicaSet of the Deployment's present template: found, marked or created.
#include "tests/simulation/deployment_controller.h"

#include <algorithm>

#include "common/core/digest.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/deployment_marks.h"

namespace sluice::simulation {

using namespace kube::resources;
using namespace deployment;

namespace {

bool skipped_annotation(const std::string& key) {
  return key == "kubectl.kubernetes.io/last-applied-configuration" || key == kRevision || key == kRevisionHistory || key == kDesired ||
         key == kMax || key == "deprecated.deployment.rollback.to";
}

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

}  // namespace sluice::simulation
