// The real operator (caches, engine, executor) on the simulated cluster, in virtual time, in one thread: a stage for scenarios.
//
// What is simulated of the operator itself is only its shell: the loop that steps informers, takes keys from the queue and
// samples the simulated Prometheus. After a crash the whole operator is thrown away and built anew from nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/kube/work_queue.h"
#include "controller/operator/reconciler.h"
#include "tests/simulation/cluster.h"

namespace sluice::scenarios {

using kube::Json;
using simulation::Cluster;

// What one Rollout looks like; merged over a short default (interval 5s, holds 20s, settle 1s).
struct RolloutSpec {
  std::string name = "web";
  std::string ns = "shop";
  bool route = true;
  Json spec = Json::object();
};

class Stage {
 public:
  explicit Stage(simulation::Options options = {}, bool gate_by_policy = true);
  ~Stage();

  Cluster& cluster() { return cluster_; }
  Time now() const { return cluster_.now(); }

  void apply_rollout(const RolloutSpec& spec = {});
  void delete_rollout(const std::string& ns = "shop", const std::string& name = "web");
  void act(const std::string& action, const std::string& name = "act", std::int64_t revision = 0);

  // Lets the cluster and the operator live on for this long.
  void run(Duration time);
  // ... until the condition holds; false if it did not within `limit`.
  bool run_until(const std::function<bool()>& condition, Duration limit = Duration(600'000));

  std::optional<model::Rollout> rollout(const std::string& ns = "shop", const std::string& name = "web") const;
  model::Phase phase() const;
  bool phase_is(model::Phase phase) const { return rollout() && rollout()->status.phase == phase; }
  // Phase Healthy or RolledBack with no run on, having seen the Deployment's newest generation.
  bool at_rest() const;
  std::string outcome_of(std::int64_t revision) const;

  // A caches' view that lags: each informer is stepped only with this probability per round.
  void stale_views(double share) { stale_ = share; }
  int crashes() const { return crashes_; }
  const std::vector<std::string>& events() const { return events_; }
  // What was wrong so far: invariants of the cluster and of the engine (I1, I4, I5, I6, I11).
  std::vector<std::string> violated();
  // Everything that says how the run went, for a failing seed.
  std::string story() const;

 private:
  struct Parts;
  void build();
  void pump();
  void reconcile_ready();
  void watch_invariants(const simulation::Change& change);

  Cluster cluster_;
  const bool gate_by_policy_;
  simulation::Random random_;
  std::unique_ptr<Parts> parts_;
  double stale_ = 0;
  int crashes_ = 0;
  std::vector<std::string> events_;
  std::vector<std::string> log_;
  std::vector<std::string> broken_;
};

}  // namespace sluice::scenarios
