// The parts of the simulated cluster and their wiring. Internal to cluster.cpp, view.cpp and people.cpp.
#pragma once

#include <map>

#include "tests/simulation/cluster.h"
#include "tests/simulation/deployment_controller.h"
#include "tests/simulation/endpoint_slice_controller.h"
#include "tests/simulation/garbage_collector.h"
#include "tests/simulation/invariants.h"
#include "tests/simulation/replica_set_controller.h"

namespace sluice::simulation {

// What one requester sees: reads, writes with their record, and for the operator the faults.
class Cluster::View final : public kube::Api {
 public:
  View(Machinery& machinery, std::string user) : m_(machinery), user_(std::move(user)) {}
  Expected<Json> get(const Resource& resource, const Name& name) override;
  Expected<kube::List> list(const Resource& resource, const kube::ListOptions& options) override;
  Expected<Json> create(const Resource& resource, const Json& object, const kube::WriteOptions& options) override;
  Expected<Json> update(const Resource& resource, const Json& object, const kube::WriteOptions& options) override;
  Expected<Json> patch(const Resource& resource, const Name& name, kube::PatchType type, const Json& patch,
                       const kube::WriteOptions& options) override;
  Expected<void> remove(const Resource& resource, const Name& name, const kube::DeleteOptions& options) override;
  Expected<void> watch(const Resource& resource, const kube::WatchOptions& options, const kube::OnWatchEvent& on_event,
                       std::stop_token stop) override;
  const std::vector<Write>& writes() const { return writes_; }

 private:
  using Action = std::function<Expected<ApiServer::Written>()>;
  Expected<JsonPtr> write(Write record, bool dry_run, const Action& action);
  std::optional<Error> read_fault();

  Machinery& m_;
  std::string user_;
  std::vector<Write> writes_;
};

struct Cluster::Machinery {
  explicit Machinery(Options o);
  void changed(const Change& change);
  void blame_people(const Change& change);
  std::string follows_scaling(const Json& set) const;

  Options options;
  ManualClock clock;
  EventQueue events;
  Random random;
  Random fault_random;
  ApiServer server;
  Blame blame;
  Context context;
  Invariants invariants;
  Kubelet kubelet;
  DeploymentController deployments;
  ReplicaSetController replica_sets;
  GarbageCollector garbage;
  EndpointSliceController slices;
  Gateway gateway;
  Traffic traffic;
  Metrics metrics;
  FaultPlan faults;
  bool crashed = false;
  std::map<Name, std::string> scaled_down;  // Deployments that people made smaller, and who
  std::vector<std::function<void(const Change&)>> listeners;
  std::map<std::string, View> views;
};

}  // namespace sluice::simulation
