#include "tests/simulation/endpoint_slice_controller.h"

#include <algorithm>

#include "common/core/digest.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/selectors.h"

namespace sluice::simulation {

namespace {
using namespace kube::resources;
constexpr std::string_view kSelf = "system:endpointslice-controller";

bool ready(const Json& pod) {
  const Json* condition = find_condition(at(pod, {"status"}), "Ready");
  return condition && text(*condition, {"status"}) == "True";
}
}  // namespace

EndpointSliceController::EndpointSliceController(Context& context)
    : context_(context), worker_(context, context.options.endpoints, [this](const Name& name) { sync(name); }) {}

void EndpointSliceController::on_change(const Change& change) {
  if (*change.resource == kServices) {
    if (change.type != kube::WatchEvent::Type::Deleted) worker_.add(change.name);
  } else if (*change.resource == kPods) {
    // A pending pod without address is in no slice.
    if (change.type == kube::WatchEvent::Type::Added) return;
    const Json& labels = at(*change.object, {"metadata", "labels"});
    const Json& before = change.before ? at(*change.before, {"metadata", "labels"}) : labels;
    context_.server.each(kServices, change.name.ns, [&](const Name& name, const JsonPtr& service) {
      const Json& selector = at(*service, {"spec", "selector"});
      if (covers(selector, labels) || covers(selector, before)) worker_.add(name);
    });
  } else if (*change.resource == kEndpointSlices && change.type == kube::WatchEvent::Type::Deleted) {
    worker_.add({change.name.ns, label(*change.object, "kubernetes.io/service-name")});
  }
}

void EndpointSliceController::sync(const Name& name) {
  const auto service = context_.server.find(kServices, name);
  if (!service || deleting(*service)) return;
  const Json& selector = at(*service, {"spec", "selector"});
  if (!selector.is_object() || selector.empty()) return;
  Json endpoints = Json::array();
  context_.server.each(kPods, name.ns, [&](const Name& pod_name, const JsonPtr& pod) {
    if (!covers(selector, at(*pod, {"metadata", "labels"}))) return;
    const std::string address = text(*pod, {"status", "podIP"});
    if (address.empty()) return;
    const bool up = ready(*pod), leaving = deleting(*pod);
    endpoints.push_back({{"addresses", Json::array({address})},
                         {"conditions", {{"ready", up && !leaving}, {"serving", up}, {"terminating", leaving}}},
                         {"targetRef", {{"kind", "Pod"}, {"name", pod_name.name}, {"namespace", name.ns}, {"uid", uid_of(*pod)}}}});
  });
  const auto per_slice = static_cast<std::size_t>(context_.options.endpoints_per_slice);
  const std::size_t slices = std::max<std::size_t>(1, (endpoints.size() + per_slice - 1) / per_slice);
  std::vector<Name> surplus;
  for (const auto& owned : context_.server.owned_by(uid_of(*service))) {
    if (*owned.resource == kEndpointSlices) surplus.push_back(owned.name);
  }
  for (std::size_t i = 0; i < slices; ++i) {
    const Name slice_name{name.ns, name.name + "-" + name_digest(uid_of(*service) + "/" + std::to_string(i), 5)};
    std::erase(surplus, slice_name);
    Json part = Json::array();
    for (std::size_t e = i * per_slice; e < std::min(endpoints.size(), (i + 1) * per_slice); ++e) part.push_back(endpoints[e]);
    if (const auto slice = context_.server.find(kEndpointSlices, slice_name)) {
      Json object = *slice;
      object["endpoints"] = std::move(part);
      (void)context_.server.update(kSelf, kEndpointSlices, std::move(object));
    } else {
      Json object{
          {"metadata",
           {{"name", slice_name.name},
            {"namespace", name.ns},
            {"labels",
             {{"kubernetes.io/service-name", name.name}, {"endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"}}}}},
          {"addressType", "IPv4"},
          {"endpoints", std::move(part)}};
      object["metadata"]["ownerReferences"] = Json::array({controller_reference(*service)});
      if (service->contains("spec") && (*service)["spec"].contains("ports")) {
        Json ports = Json::array();
        for (const auto& port : (*service)["spec"]["ports"]) {
          ports.push_back({{"name", text(port, {"name"})},
                           {"port", number(port, {"targetPort"}, number(port, {"port"}))},
                           {"protocol", text(port, {"protocol"}, "TCP")}});
        }
        object["ports"] = std::move(ports);
      }
      (void)context_.server.create(kSelf, kEndpointSlices, std::move(object));
    }
  }
  for (const auto& slice : surplus) (void)context_.server.remove(kSelf, kEndpointSlices, slice);
}

}  // namespace sluice::simulation
