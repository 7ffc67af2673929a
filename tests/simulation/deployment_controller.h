// The Deployment controller of Kubernetes 1.36 (pkg/controller/deployment), as far as Sluice's protocol leans on it:
// adoption of ownerless ReplicaSets, the oldest equal set as the new one, scaling while paused, rolling update, Recreate,
// history clean-up, revisions and status. Function names follow the original.
#pragma once

#include <vector>

#include "tests/simulation/context.h"

namespace sluice::simulation {

class DeploymentController {
 public:
  explicit DeploymentController(Context& context);
  void on_change(const Change& change);

 private:
  struct Set {  // a ReplicaSet as this pass sees it
    JsonPtr object;
    Name name;
    std::string uid;
    std::string created;
    int replicas = 0;
    int actual = 0;  // status.replicas
    int ready = 0;
    int available = 0;
  };
  struct Pass {  // one sync of one Deployment
    JsonPtr object;
    Name name;
    int replicas = 0;
    int max_surge = 0;
    int max_unavailable = 0;
    bool rolling = true;
    bool paused = false;
    Json status;                 // working copy, written at the end
    std::string revision;        // annotation to write with the status; "" = as it is
    std::vector<Set> sets;       // owned, sorted by creation and name
    std::ptrdiff_t newest = -1;  // index of the set with D's template
  };

  void sync(const Name& name);
  bool load(Pass& pass, const Name& name);
  void claim(Pass& pass);
  Set parse(const JsonPtr& object) const;
  bool get_new_replica_set(Pass& pass, bool create);
  bool hands_over_by_its_strategy(const Json& deployment) const;
  bool scale_replica_set(Pass& pass, Set& set, int replicas, bool force, const std::string& excuse);
  void scale(Pass& pass);
  void rollout_rolling(Pass& pass);
  void rollout_recreate(Pass& pass);
  bool reconcile_new(Pass& pass);
  bool reconcile_old(Pass& pass);
  void cleanup(Pass& pass);
  bool scaling_event(const Pass& pass) const;
  void check_paused_conditions(Pass& pass);
  Json calculate_status(const Pass& pass) const;
  void sync_rollout_status(Pass& pass);
  void write_status(Pass& pass, Json status);
  int total(const Pass& pass) const;
  void enqueue_owner_or_matching(const Change& change);

  Context& context_;
  Worker worker_;
};

// Compares pod templates without their pod-template-hash label, as util.EqualIgnoreHash.
bool equal_ignore_hash(const Json& a, const Json& b);
// maxSurge rounds up, maxUnavailable down (util.ResolveFenceposts).
int scaled_value(const Json& number_or_percent, int of, bool round_up);

}  // namespace sluice::simulation
