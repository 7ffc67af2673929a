// A Kubernetes cluster in virtual time: API server, policies, controllers, pods, a gateway's data plane and a Prometheus, all
// in one thread and all drawn from one seed. The real engine and executor run against it unchanged through kube::Api.
//
//   Cluster cluster({.seed = 7});
//   cluster.deploy_app({.ns = "shop", .name = "web", .replicas = 4});
//   kube::Api& api = cluster.as("operator");         // exempt from the policies, counted, and broken by the fault plan
//   cluster.edit_template("shop", "web", {{"sim/errors", "5%"}});
//   cluster.advance(Duration(15'000));
//   cluster.traffic().find({"shop", "web"})->share("web-7d4b9");
//   EXPECT_THAT(cluster.violated(), IsEmpty());
//
// Reads see the present state; Feed (feed.h) delivers changes late, as watches do. Not thread-safe. References from as() live
// as long as the cluster.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/faults.h"
#include "tests/simulation/metrics.h"
#include "tests/simulation/options.h"
#include "tests/simulation/traffic.h"

namespace sluice::simulation {

struct AppSpec {
  std::string ns = "shop";
  std::string name = "web";  // of the Deployment, the Service and the HTTPRoute
  int replicas = 3;
  bool route = true;  // an HTTPRoute whose every rule has the one backend V, weight 1
  int rules = 1;
  double requests_per_second = 100;
  Json deployment_spec = Json::object();                // merged into the Deployment's spec, e.g. {"revisionHistoryLimit": 0}
  std::map<std::string, std::string> annotations = {};  // of the pod template
};

class Cluster : public kube::Api {
 public:
  explicit Cluster(Options options = {});
  ~Cluster() override;
  Cluster(const Cluster&) = delete;

  // The API as this requester sees it. The Cluster itself is the view of "user".
  kube::Api& as(const std::string& user);
  Expected<Json> get(const Resource& resource, const Name& name) override;
  Expected<kube::List> list(const Resource& resource, const kube::ListOptions& options = {}) override;
  Expected<Json> create(const Resource& resource, const Json& object, const kube::WriteOptions& options = {}) override;
  Expected<Json> update(const Resource& resource, const Json& object, const kube::WriteOptions& options = {}) override;
  Expected<Json> patch(const Resource& resource, const Name& name, kube::PatchType type, const Json& patch,
                       const kube::WriteOptions& options = {}) override;
  Expected<void> remove(const Resource& resource, const Name& name, const kube::DeleteOptions& options = {}) override;
  // Delivers what happened since options.resource_version and returns: in virtual time a watch cannot wait.
  Expected<void> watch(const Resource& resource, const kube::WatchOptions& options, const kube::OnWatchEvent& on_event,
                       std::stop_token stop) override;

  // Time. Nothing happens but in these four.
  const Clock& clock() const;
  Time now() const;
  void advance(Duration by);
  void advance_to(Time time);
  std::optional<Time> next_event() const;
  bool step();  // runs the next event, moving the clock; false when there is none
  // Advances until the condition holds, at most `limit`; false when it never did.
  bool advance_until(const std::function<bool()>& condition, Duration limit = Duration(300'000));

  // What happened. The journal is in order of resourceVersion; events_since excludes `version` itself.
  const std::vector<Change>& journal(const Resource& resource) const;
  std::vector<kube::WatchEvent> events_since(const Resource& resource, std::uint64_t version) const;
  std::uint64_t version() const;
  // The stored object without a copy; null when there is none.
  JsonPtr peek(const Resource& resource, const Name& name) const;
  template <typename Visit>
  void each(const Resource& resource, const std::string& ns, Visit visit) const {
    server().each(resource, ns, visit);
  }
  // Called after every committed change, by anybody; must not write.
  void on_change(std::function<void(const Change&)> listener);
  const std::vector<Write>& writes(const std::string& user) const;

  // Traffic and metrics.
  void track(const Name& service, double requests_per_second);
  const TrafficView& traffic();
  const std::vector<Loss>& losses();
  Expected<Increments> increments(const std::string& ns, const std::string& replica_set, Time from, Time to);
  void prometheus_down(Time from, Time to);
  void prometheus_nan(Time from, Time to);
  void behave(const std::string& ns, const std::string& replica_set, double errors, double slow);

  // Invariants I2, I3, I9, I12 and "no traffic lost", so far.
  std::vector<std::string> violated();

  // Faults of the operator's calls.
  void inject(const FaultPlan& plan);
  bool operator_crashed() const;
  void restart_operator();  // ends the crash; the rest of the plan stays

  // People. All of them go through the policies as "user".
  void deploy_app(const AppSpec& app);  // creates and waits until it is complete and served
  Expected<Json> edit_template(const std::string& ns, const std::string& name, const std::map<std::string, std::string>& annotations,
                               const std::string& image = "");
  Expected<Json> scale(const std::string& ns, const std::string& name, int replicas);
  // `kubectl rollout undo`: template and annotations of the previous revision; refused while paused, as kubectl does.
  Expected<Json> undo(const std::string& ns, const std::string& name);
  Expected<Json> pause(const std::string& ns, const std::string& name, bool paused);
  // Complete as `kubectl rollout status` says.
  bool complete(const std::string& ns, const std::string& name) const;
  // The pods of a ReplicaSet (name) that are ready.
  int ready_pods(const std::string& ns, const std::string& replica_set) const;
  // Names of the ReplicaSets that the Deployment owns and that have replicas > 0, oldest first.
  std::vector<std::string> active_sets(const std::string& ns, const std::string& name) const;

 private:
  struct Machinery;
  class View;
  const ApiServer& server() const;
  Expected<Json> patch_as_user(const std::string& ns, const std::string& name, const Json& merge, const std::string& subresource);
  std::unique_ptr<Machinery> m_;
};

}  // namespace sluice::simulation
