// The real operator (caches, engine, executor) on the simulated cluster, in virtual time, in one thread: a stage for scenarios.
//
// What is simulated of the operator itself is only its shell: the loop that steps informers, takes keys from the queue and
// samples the simulated Prometheus. After a crash the whole operator is thrown away and built anew from nothing.
#pragma once

#include <functional>
#include <map>
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

// What one Rollout looks like; merged over a short default (interval 5s, holds 20s, settle 1200ms).
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
  // `look`: how often the operator looks when the cluster does nothing, so that stale views catch up and delays come due.
  bool run_until(const std::function<bool()>& condition, Duration limit = Duration(600'000), Duration look = Duration(250));

  std::optional<model::Rollout> rollout(const std::string& ns = "shop", const std::string& name = "web") const;
  model::Phase phase() const;
  bool phase_is(model::Phase phase) const { return rollout() && rollout()->status.phase == phase; }
  // Phase Healthy or RolledBack with no run on, having seen the Deployment's newest generation.
  bool at_rest() const;
  std::string outcome_of(std::int64_t revision) const;

  // A caches' view that lags: each informer is stepped only with this probability per round.
  void stale_views(double share) { stale_ = share; }
  // How long the operator stays away after a crash or a lost lease.
  void downtime(Duration time) { downtime_ = time; }
  // The lease is lost at the operator's n-th write from now (1 = the next), which must not happen any more (I8).
  void lose_lease_at(int write) { lease_writes_ = write; }
  // Requests per second that reach the stable pods past the gateway, from now on; only the metrics see them.
  void callers_past_the_gateway(double requests_per_second) { past_the_gateway_ = requests_per_second; }
  // A line for the story.
  void tell(const std::string& line);
  // No operator runs at this moment: it crashed or lost its lease and the next one is not there yet.
  bool operator_away() const { return away_until_.has_value() || lease_lost_ || cluster_.operator_crashed(); }
  int crashes() const { return crashes_; }
  const std::vector<std::string>& events() const { return events_; }
  // What was wrong so far: invariants of the cluster and of the engine (I1, I4-I8, I10).
  std::vector<std::string> violated();
  // Objects and marks of ours that must not be there while no run is on (I6).
  std::vector<std::string> leftovers() const;
  // Everything that says how the run went, for a failing seed.
  std::string story() const;

 private:
  struct Parts;
  void build();
  void pump();
  void reconcile_ready();
  bool may_write();
  void watch_invariants(const simulation::Change& change);
  void watch_holds(const simulation::Change& change);
  void check_precondition(const simulation::Write& write);

  Cluster cluster_;
  const bool gate_by_policy_;
  simulation::Random random_;
  std::unique_ptr<Parts> parts_;
  double stale_ = 0;
  double past_the_gateway_ = 0;
  int crashes_ = 0;
  Duration downtime_{0};
  std::optional<Time> away_until_;
  std::optional<int> lease_writes_;  // until the lease is lost
  bool lease_lost_ = false;
  std::map<std::string, Time> reached_;  // "revision/step" -> when the canary first had this step's weight
  std::vector<std::string> events_;
  std::vector<std::string> log_;
  std::vector<std::string> broken_;
};

}  // namespace sluice::scenarios
