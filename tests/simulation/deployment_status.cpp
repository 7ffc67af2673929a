// Status, progress and its conditions (progress.go).
#include "tests/simulation/deployment_controller.h"

#include "tests/simulation/conditions.h"
#include "tests/simulation/deployment_marks.h"

namespace sluice::simulation {

using namespace kube::resources;
using namespace deployment;

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

}  // namespace sluice::simulation
