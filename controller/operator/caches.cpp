#include "controller/operator/caches.h"

#include "controller/kube/api.h"
#include "controller/model/marks.h"

namespace sluice::op {
namespace {

namespace resources = kube::resources;
namespace marks = model::marks;

kube::ReflectorOptions options_for(const std::string& ns, const std::string& kind,
                                   const std::function<void(const std::string&, const Error&)>& on_error) {
  kube::ReflectorOptions options;
  options.ns = ns;
  if (on_error) options.on_error = [kind, on_error](const Error& error) { on_error(kind, error); };
  return options;
}

// Rollouts of a namespace that name this Deployment.
std::vector<kube::Name> rollouts_of(const Caches& caches, const std::string& ns, const std::string& deployment) {
  std::vector<kube::Name> names;
  for (const auto& rollout : caches.rollouts.store().by_index("target", ns + "/" + deployment)) names.push_back(rollout->meta.key());
  return names;
}

// The Rollout that an object carries as a label (ours) or as an annotation (users' Deployments).
std::optional<kube::Name> marked_for(const kube::ObjectMeta& meta) {
  std::string_view rollout = meta.label(marks::kRollout);
  if (rollout.empty()) rollout = meta.annotation(marks::kRollout);
  if (rollout.empty()) return std::nullopt;
  return kube::Name{meta.ns, std::string(rollout)};
}

}  // namespace

Caches::Caches(kube::Api& api, const std::string& ns, const Clock& clock, std::function<double()> unit,
               std::function<void(const std::string&, const Error&)> on_error)
    : rollouts(api, resources::kRollouts, model::parse_rollout, options_for(ns, "rollouts", on_error), clock, unit),
      actions(api, resources::kRolloutActions, model::parse_rollout_action, options_for(ns, "rolloutactions", on_error), clock, unit),
      deployments(api, resources::kDeployments, model::parse_deployment, options_for(ns, "deployments", on_error), clock, unit),
      replica_sets(api, resources::kReplicaSets, model::parse_replica_set, options_for(ns, "replicasets", on_error), clock, unit),
      pods(api, resources::kPods, model::parse_pod, options_for(ns, "pods", on_error), clock, unit),
      services(api, resources::kServices, model::parse_service, options_for(ns, "services", on_error), clock, unit),
      slices(api, resources::kEndpointSlices, model::parse_endpoint_slice, options_for(ns, "endpointslices", on_error), clock, unit),
      routes(api, resources::kHttpRoutes, model::parse_http_route, options_for(ns, "httproutes", on_error), clock, unit) {
  rollouts.store().index("target", [](const model::Rollout& r) { return std::vector<std::string>{r.meta.ns + "/" + r.target}; });
  rollouts.store().index("route", [](const model::Rollout& r) {
    std::vector<std::string> keys;
    if (!r.route.empty()) keys.push_back(r.meta.ns + "/" + r.route);
    if (r.status.run && !r.status.run->route.empty() && r.status.run->route != r.route)
      keys.push_back(r.meta.ns + "/" + r.status.run->route);
    return keys;
  });
  actions.store().index("rollout", [](const model::RolloutAction& a) { return std::vector<std::string>{a.meta.ns + "/" + a.rollout}; });
  replica_sets.store().index_label(marks::kRollout);
  services.store().index_label(marks::kRollout);
  slices.store().index("service", [](const model::EndpointSlice& s) { return std::vector<std::string>{s.meta.ns + "/" + s.service}; });
}

bool Caches::synced() {
  bool all = true;
  each([&](auto& informer) { all = all && informer.has_synced(); });
  return all;
}

std::set<kube::Name> Caches::concerned() const {
  std::set<kube::Name> names;
  for (const auto& rollout : rollouts.store().all()) names.insert(rollout->meta.key());
  for (const auto& action : actions.store().all()) names.insert({action->meta.ns, action->rollout});
  const auto of_marks = [&names](const auto& store) {
    for (const auto& object : store.all())
      if (const auto owner = marked_for(object->meta)) names.insert(*owner);
  };
  of_marks(replica_sets.store());
  of_marks(services.store());
  of_marks(deployments.store());
  return names;
}

void Caches::on_concern(std::function<void(const kube::Name&)> add) {
  const auto of_deployment = [this, add](const std::string& ns, const std::string& name) {
    for (const kube::Name& rollout : rollouts_of(*this, ns, name)) add(rollout);
  };
  const auto of_set = [add, of_deployment](const model::ReplicaSet& set) {
    if (const auto owner = marked_for(set.meta)) add(*owner);
    if (set.meta.owner && set.meta.owner->kind == "Deployment") of_deployment(set.meta.ns, set.meta.owner->name);
  };
  // Services and their endpoints: every Rollout of the namespace, as any Service may cover any Deployment's pods.
  const auto of_namespace = [this, add](const std::string& ns) {
    for (const auto& rollout : rollouts.store().in_namespace(ns)) add(rollout->meta.key());
  };
  rollouts.on_change([this, add](const auto& change) {
    add(change.key());
    // Two Rollouts on one Deployment: the other one must look again when this one comes or goes.
    if (change.before && change.after) return;
    const auto& rollout = change.after ? change.after : change.before;
    for (const kube::Name& other : rollouts_of(*this, rollout->meta.ns, rollout->target)) add(other);
  });
  actions.on_change([add](const auto& change) {
    if (change.after) add({change.after->meta.ns, change.after->rollout});
  });
  deployments.on_change([of_deployment, add](const auto& change) {
    of_deployment(change.key().ns, change.key().name);
    if (change.after)
      if (const auto owner = marked_for(change.after->meta)) add(*owner);
  });
  replica_sets.on_change([of_set](const auto& change) {
    if (change.before) of_set(*change.before);
    if (change.after) of_set(*change.after);
  });
  pods.on_change([this, of_set](const auto& change) {
    const auto& pod = change.after ? change.after : change.before;
    if (!pod->meta.owner || pod->meta.owner->kind != "ReplicaSet") return;
    if (const auto set = replica_sets.store().get({pod->meta.ns, pod->meta.owner->name})) of_set(*set);
  });
  services.on_change([of_namespace, add](const auto& change) {
    of_namespace(change.key().ns);
    if (const auto owner = marked_for((change.after ? change.after : change.before)->meta)) add(*owner);
  });
  slices.on_change([of_namespace](const auto& change) { of_namespace(change.key().ns); });
  routes.on_change([this, add](const auto& change) {
    for (const auto& rollout : rollouts.store().by_index("route", change.key().ns + "/" + change.key().name)) add(rollout->meta.key());
  });
}

}  // namespace sluice::op
