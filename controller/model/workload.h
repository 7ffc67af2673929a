// Deployments, ReplicaSets and Pods as the engine sees them: small typed projections of the API's objects.
//
// Templates are not kept: a digest stands for them, and the executor reads the object again when it needs the template.
// Two templates are equal when their digests are; the digest is taken of the structure as the API server returns it,
// without the label pod-template-hash, as in the Deployment controller's EqualIgnoreHash.
// Parse functions accept any JSON: what is missing or of a wrong type reads as its default.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/core/time.h"
#include "controller/kube/json.h"
#include "controller/kube/object.h"

namespace sluice::model {

using kube::Json;
using kube::ObjectMeta;
using Labels = std::map<std::string, std::string>;

// Digest of a pod template; empty for one that is not an object.
std::string template_digest(const Json& pod_template);

struct Deployment {
  ObjectMeta meta;
  int replicas = 1;
  bool paused = false;
  std::string strategy = "RollingUpdate";
  Json max_surge = "25%";  // number or percentage
  int min_ready_seconds = 0;
  int progress_deadline_seconds = 600;
  Labels selector;  // matchLabels
  bool selector_has_expressions = false;
  Labels template_labels;
  std::string template_digest;

  struct {
    std::int64_t observed_generation = 0;
    int replicas = 0, updated = 0, ready = 0, available = 0;
  } status;

  // The controller has seen this generation, and all replicas are of the current template and available.
  bool complete() const;
  // maxSurge in pods; 0 for Recreate. Source: deploymentutil.MaxSurge.
  int surge() const;
};

struct ReplicaSet {
  ObjectMeta meta;
  int replicas = 0;
  std::string hash;  // pod-template-hash of its selector
  std::string template_digest;
  struct {
    std::int64_t observed_generation = 0;
    int replicas = 0, ready = 0, available = 0;
    std::string failure;  // message of condition ReplicaFailure, "" if none
  } status;

  bool owned_by(const std::string& uid) const { return meta.owner && meta.owner->uid == uid; }
};

struct Pod {
  ObjectMeta meta;
  std::string phase;
  bool ready = false;
  int restarts = 0;
  std::string trouble;          // why a container is waiting or died, "" if all is well
  std::optional<Time> started;  // when its first container started running; warm-up counts from here
  bool terminating() const { return meta.deletion_time.has_value(); }
};

Deployment parse_deployment(const Json& object);
ReplicaSet parse_replica_set(const Json& object);
Pod parse_pod(const Json& object);

}  // namespace sluice::model
