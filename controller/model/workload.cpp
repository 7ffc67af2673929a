#include "controller/model/workload.h"

#include <algorithm>

#include "common/core/digest.h"
#include "common/core/percent.h"
#include "controller/model/marks.h"
#include "controller/model/read.h"

namespace sluice::model {
namespace {

std::string trouble_of(const Json& container) {
  const std::string waiting = read::text(container, {"state", "waiting", "reason"});
  if (!waiting.empty() && waiting != "ContainerCreating" && waiting != "PodInitializing") {
    const std::string message = read::text(container, {"state", "waiting", "message"});
    return message.empty() ? waiting : waiting + ": " + message.substr(0, 200);
  }
  const Json& terminated = read::at(container, {"state", "terminated"});
  if (terminated.is_object())
    return read::text(terminated, {"reason"}, "Terminated") + " (exit code " + std::to_string(read::integer(terminated, {"exitCode"})) +
           ")";
  return "";
}

}  // namespace

std::string template_digest(const Json& pod_template) {
  if (!pod_template.is_object()) return "";
  Json copy = pod_template;
  if (Json& meta = copy["metadata"]; meta.is_object()) {
    if (const auto labels = meta.find("labels"); labels != meta.end() && labels->is_object()) {
      labels->erase(marks::kTemplateHash);
      if (labels->empty()) meta.erase(labels);
    }
    // The server writes "creationTimestamp": null into templates of some versions and leaves it out in others.
    if (meta.contains("creationTimestamp") && meta["creationTimestamp"].is_null()) meta.erase("creationTimestamp");
  }
  return sha256_hex(copy.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Deployment parse_deployment(const Json& object) {
  Deployment d;
  d.meta = kube::parse_meta(object);
  d.replicas = static_cast<int>(read::integer(object, {"spec", "replicas"}, 1));
  d.paused = read::boolean(object, {"spec", "paused"});
  d.strategy = read::text(object, {"spec", "strategy", "type"}, "RollingUpdate");
  const Json& surge = read::at(object, {"spec", "strategy", "rollingUpdate", "maxSurge"});
  if (surge.is_string() || surge.is_number_integer()) d.max_surge = surge;
  d.min_ready_seconds = static_cast<int>(read::integer(object, {"spec", "minReadySeconds"}));
  d.progress_deadline_seconds = static_cast<int>(read::integer(object, {"spec", "progressDeadlineSeconds"}, 600));
  d.selector = read::texts(object, {"spec", "selector", "matchLabels"});
  d.selector_has_expressions = !read::array(object, {"spec", "selector", "matchExpressions"}).empty();
  d.template_labels = read::texts(object, {"spec", "template", "metadata", "labels"});
  d.template_digest = template_digest(read::at(object, {"spec", "template"}));
  d.status.observed_generation = read::integer(object, {"status", "observedGeneration"});
  d.status.replicas = static_cast<int>(read::integer(object, {"status", "replicas"}));
  d.status.updated = static_cast<int>(read::integer(object, {"status", "updatedReplicas"}));
  d.status.ready = static_cast<int>(read::integer(object, {"status", "readyReplicas"}));
  d.status.available = static_cast<int>(read::integer(object, {"status", "availableReplicas"}));
  return d;
}

bool Deployment::complete() const {
  return status.observed_generation >= meta.generation && status.updated == replicas && status.replicas == replicas &&
         status.available == replicas;
}

int Deployment::surge() const {
  if (strategy == "Recreate") return 0;
  const std::string text = max_surge.is_string() ? max_surge.get<std::string>() : max_surge.dump();
  const auto count = scaled_count(text, replicas);
  return count ? *count : 1;
}

ReplicaSet parse_replica_set(const Json& object) {
  ReplicaSet s;
  s.meta = kube::parse_meta(object);
  s.replicas = static_cast<int>(read::integer(object, {"spec", "replicas"}, 1));
  s.hash = read::text(object, {"spec", "selector", "matchLabels", marks::kTemplateHash});
  s.template_digest = template_digest(read::at(object, {"spec", "template"}));
  s.status.observed_generation = read::integer(object, {"status", "observedGeneration"});
  s.status.replicas = static_cast<int>(read::integer(object, {"status", "replicas"}));
  s.status.ready = static_cast<int>(read::integer(object, {"status", "readyReplicas"}));
  s.status.available = static_cast<int>(read::integer(object, {"status", "availableReplicas"}));
  for (const Json& condition : read::array(object, {"status", "conditions"}))
    if (read::text(condition, {"type"}) == "ReplicaFailure" && read::text(condition, {"status"}) == "True")
      s.status.failure = read::text(condition, {"reason"}) + ": " + read::text(condition, {"message"});
  return s;
}

Pod parse_pod(const Json& object) {
  Pod p;
  p.meta = kube::parse_meta(object);
  p.phase = read::text(object, {"status", "phase"});
  for (const Json& condition : read::array(object, {"status", "conditions"}))
    if (read::text(condition, {"type"}) == "Ready") p.ready = read::text(condition, {"status"}) == "True";
  for (const Json& container : read::array(object, {"status", "containerStatuses"})) {
    p.restarts += static_cast<int>(read::integer(container, {"restartCount"}));
    if (p.trouble.empty()) p.trouble = trouble_of(container);
    if (const auto started = parse_time(read::text(container, {"state", "running", "startedAt"}))) {
      if (!p.started || *started > *p.started) p.started = *started;
    }
  }
  return p;
}

}  // namespace sluice::model
