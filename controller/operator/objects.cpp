#include "controller/operator/objects.h"

#include "controller/engine/names.h"
#include "controller/model/marks.h"
#include "controller/model/read.h"

namespace sluice::op {

namespace marks = model::marks;
using kube::Json;

namespace {

Json marks_of(const model::Rollout& rollout, std::int64_t revision) {
  return {{marks::kUid, rollout.meta.uid}, {marks::kRevision, std::to_string(revision)}};
}

// A key inside a JSON pointer (RFC 6901).
std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

}  // namespace

Json canary_replica_set(const model::Rollout& rollout, const Json& deployment, const engine::CreateCanary& effect) {
  const std::string hash = engine::hash_of_canary_set(effect.name);
  Json pod_template = model::read::at(deployment, {"spec", "template"});
  pod_template["metadata"]["labels"][marks::kTemplateHash] = hash;
  Json selector = model::read::at(deployment, {"spec", "selector"});
  selector["matchLabels"][marks::kTemplateHash] = hash;
  return {{"apiVersion", "apps/v1"},
          {"kind", "ReplicaSet"},
          {"metadata",
           {{"name", effect.name},
            {"namespace", rollout.meta.ns},
            {"labels", {{marks::kRollout, rollout.meta.name}}},
            {"annotations", marks_of(rollout, effect.revision)}}},
          {"spec",
           {{"replicas", effect.replicas},
            {"minReadySeconds", model::read::integer(deployment, {"spec", "minReadySeconds"})},
            {"selector", selector},
            {"template", pod_template}}}};
}

Json canary_service(const model::Rollout& rollout, const model::Service& service, const engine::PutCanaryService& effect) {
  Json selector = Json(service.selector);
  selector[marks::kTemplateHash] = effect.hash;
  Json ports = service.ports;
  for (Json& port : ports)
    if (port.is_object()) port.erase("nodePort");
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata",
           {{"name", effect.name},
            {"namespace", rollout.meta.ns},
            {"labels", {{marks::kRollout, rollout.meta.name}}},
            {"annotations", {{marks::kUid, rollout.meta.uid}}}}},
          {"spec", {{"type", "ClusterIP"}, {"selector", selector}, {"ports", ports}}}};
}

Json borrow_patch(const model::Rollout& rollout, const std::string& deployment_uid, const engine::BorrowReplicaSet& effect) {
  const std::string annotations = "/metadata/annotations/";
  return Json::array({{{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", effect.seen}},
                      {{"op", "test"}, {"path", "/metadata/ownerReferences/0/uid"}, {"value", deployment_uid}},
                      {{"op", "test"}, {"path", "/spec/replicas"}, {"value", 0}},
                      {{"op", "remove"}, {"path", "/metadata/ownerReferences"}},
                      {{"op", "add"}, {"path", "/metadata/labels"}, {"value", {{marks::kRollout, rollout.meta.name}}}},
                      {{"op", "add"}, {"path", annotations + escaped(marks::kUid)}, {"value", rollout.meta.uid}},
                      {{"op", "add"}, {"path", annotations + escaped(marks::kRevision)}, {"value", std::to_string(effect.revision)}},
                      {{"op", "replace"}, {"path", "/spec/replicas"}, {"value", effect.replicas}}});
}

Json owned_patch(const model::Deployment& deployment, const model::ReplicaSet& set, const std::string& seen,
                 const std::map<std::string, std::string>& annotations) {
  Json labels = Json(deployment.selector);
  for (const auto& [key, value] : deployment.template_labels) labels[key] = value;
  labels[marks::kTemplateHash] = set.hash;
  labels[marks::kRollout] = nullptr;
  Json marked{{marks::kUid, nullptr}, {marks::kRevision, nullptr}};
  for (const auto& [key, value] : annotations) marked[key] = value;
  const Json owner{{"apiVersion", "apps/v1"},    {"kind", "Deployment"}, {"name", deployment.meta.name},
                   {"uid", deployment.meta.uid}, {"controller", true},   {"blockOwnerDeletion", true}};
  Json patch;
  patch["metadata"] = {{"resourceVersion", seen}, {"labels", labels}, {"annotations", marked}};
  patch["metadata"]["ownerReferences"] = Json::array({owner});
  if (annotations.empty()) patch["spec"]["replicas"] = 0;
  return patch;
}

}  // namespace sluice::op
