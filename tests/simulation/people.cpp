// What people do to a cluster: deploy an application, edit it, scale it, undo.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/simulation/conditions.h"
#include "tests/simulation/machinery.h"
#include "tests/simulation/selectors.h"

namespace sluice::simulation {

using namespace kube::resources;

namespace {
constexpr const char* kRevision = "deployment.kubernetes.io/revision";

// Annotations that `kubectl rollout undo` does not take from the old revision (staging/src/k8s.io/kubectl/pkg/polymorphichelpers).
bool kept_by_undo(const std::string& key) {
  return key == "kubectl.kubernetes.io/last-applied-configuration" || key.starts_with("deployment.kubernetes.io/") ||
         key == "deprecated.deployment.rollback.to";
}

void must(const Expected<Json>& done) {
  if (!done) {
    std::fprintf(stderr, "simulation: cannot deploy the application: %s\n", to_string(done.error()).c_str());
    std::abort();
  }
}
}  // namespace

void Cluster::deploy_app(const AppSpec& app) {
  const Json labels{{"app", app.name}};
  Json pod_template{{"metadata", {{"labels", labels}}},
                    {"spec", {{"containers", Json::array({{{"name", "app"}, {"image", app.name + ":1"}}})}}}};
  for (const auto& [key, value] : app.annotations) pod_template["metadata"]["annotations"][key] = value;
  Json deployment{{"metadata", {{"name", app.name}, {"namespace", app.ns}, {"labels", labels}}},
                  {"spec", {{"replicas", app.replicas}, {"selector", {{"matchLabels", labels}}}, {"template", pod_template}}}};
  deployment["spec"].merge_patch(app.deployment_spec);
  must(create(kDeployments, deployment));
  must(create(kServices, {{"metadata", {{"name", app.name}, {"namespace", app.ns}, {"labels", labels}}},
                          {"spec",
                           {{"selector", labels},
                            {"ports", Json::array({{{"name", "http"}, {"port", 80}, {"targetPort", 8080}, {"protocol", "TCP"}}})}}}}));
  if (app.route) {
    Json rules = Json::array();
    for (int i = 0; i < app.rules; ++i) {
      rules.push_back({{"matches", Json::array({{{"path", {{"type", "PathPrefix"}, {"value", i == 0 ? "/" : "/" + std::to_string(i)}}}}})},
                       {"backendRefs", Json::array({{{"name", app.name}, {"port", 80}, {"weight", 1}}})}});
    }
    must(create(
        kHttpRoutes,
        {{"metadata", {{"name", app.name}, {"namespace", app.ns}}},
         {"spec",
          {{"parentRefs", Json::array({{{"name", "gateway"}}})}, {"hostnames", Json::array({app.name + ".example"})}, {"rules", rules}}}}));
  }
  (void)advance_until([&] { return complete(app.ns, app.name); });
  advance(m_->options.endpoints.high + m_->options.data_plane.high + m_->options.gateway_status.high + m_->options.warm_up.high);
  track({app.ns, app.name}, app.requests_per_second);
  m_->traffic.flush();
}

Expected<Json> Cluster::edit_template(const std::string& ns, const std::string& name, const std::map<std::string, std::string>& annotations,
                                      const std::string& image) {
  Json patch{{"spec", {{"template", Json::object()}}}};
  Json& pod_template = patch["spec"]["template"];
  for (const auto& [key, value] : annotations) {
    pod_template["metadata"]["annotations"][key] = value.empty() ? Json() : Json(value);  // "" removes it
  }
  if (!image.empty()) {
    const auto d = peek(kDeployments, {ns, name});
    if (!d) return fail(Error::Kind::NotFound, "deployment " + ns + "/" + name + ": not found");
    Json containers = at(*d, {"spec", "template", "spec", "containers"});
    containers[0]["image"] = image;
    pod_template["spec"]["containers"] = containers;
  }
  return patch_as_user(ns, name, patch, "");
}

Expected<Json> Cluster::patch_as_user(const std::string& ns, const std::string& name, const Json& merge, const std::string& subresource) {
  kube::WriteOptions options;
  options.subresource = subresource;
  return patch(kDeployments, {ns, name}, kube::PatchType::Merge, merge, options);
}

Expected<Json> Cluster::scale(const std::string& ns, const std::string& name, int replicas) {
  return patch_as_user(ns, name, {{"spec", {{"replicas", replicas}}}}, "scale");
}

Expected<Json> Cluster::pause(const std::string& ns, const std::string& name, bool paused) {
  return patch_as_user(ns, name, {{"spec", {{"paused", paused}}}}, "");
}

Expected<Json> Cluster::undo(const std::string& ns, const std::string& name) {
  const auto d = peek(kDeployments, {ns, name});
  if (!d) return fail(Error::Kind::NotFound, "deployment " + ns + "/" + name + ": not found");
  if (flag(*d, {"spec", "paused"})) {
    return fail(Error::Kind::Invalid,
                "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again");
  }
  std::vector<std::pair<long long, JsonPtr>> revisions;
  each(kReplicaSets, ns, [&](const Name&, const JsonPtr& set) {
    if (text(controller_of(*set), {"uid"}) != uid_of(*d)) return;
    revisions.emplace_back(std::strtoll(annotation(*set, kRevision).c_str(), nullptr, 10), set);
  });
  std::sort(revisions.begin(), revisions.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  if (revisions.size() < 2) return fail(Error::Kind::Invalid, "no rollout history found for deployment \"" + name + "\"");
  const Json& old = *revisions[1].second;
  Json pod_template = at(old, {"spec", "template"});
  pod_template["metadata"]["labels"].erase("pod-template-hash");
  Json annotations = Json::object();
  for (const auto& [key, value] : at(*d, {"metadata", "annotations"}).items()) {
    if (kept_by_undo(key)) annotations[key] = value;
  }
  for (const auto& [key, value] : at(old, {"metadata", "annotations"}).items()) {
    if (!kept_by_undo(key)) annotations[key] = value;
  }
  return patch(kDeployments, {ns, name}, kube::PatchType::Json,
               Json::array({{{"op", "replace"}, {"path", "/spec/template"}, {"value", pod_template}},
                            {{"op", "replace"}, {"path", "/metadata/annotations"}, {"value", annotations}}}));
}

bool Cluster::complete(const std::string& ns, const std::string& name) const {
  const auto d = peek(kDeployments, {ns, name});
  if (!d) return false;
  const auto replicas = number(*d, {"spec", "replicas"});
  return number(*d, {"status", "observedGeneration"}) >= number(*d, {"metadata", "generation"}) &&
         number(*d, {"status", "updatedReplicas"}) == replicas && number(*d, {"status", "replicas"}) == replicas &&
         number(*d, {"status", "availableReplicas"}) == replicas;
}

int Cluster::ready_pods(const std::string& ns, const std::string& replica_set) const {
  int ready = 0;
  each(kPods, ns, [&](const Name&, const JsonPtr& pod) {
    const Json* condition = find_condition(at(*pod, {"status"}), "Ready");
    ready += text(controller_of(*pod), {"name"}) == replica_set && !deleting(*pod) && condition && text(*condition, {"status"}) == "True";
  });
  return ready;
}

std::vector<std::string> Cluster::active_sets(const std::string& ns, const std::string& name) const {
  const auto d = peek(kDeployments, {ns, name});
  std::vector<std::pair<std::string, std::string>> sets;
  if (d) {
    each(kReplicaSets, ns, [&](const Name& set_name, const JsonPtr& set) {
      if (text(controller_of(*set), {"uid"}) == uid_of(*d) && number(*set, {"spec", "replicas"}) > 0) {
        sets.emplace_back(text(*set, {"metadata", "creationTimestamp"}), set_name.name);
      }
    });
  }
  std::sort(sets.begin(), sets.end());
  std::vector<std::string> names;
  for (auto& set : sets) names.push_back(std::move(set.second));
  return names;
}

}  // namespace sluice::simulation
