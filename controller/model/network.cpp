#include "controller/model/network.h"

#include <algorithm>

#include "controller/model/marks.h"
#include "controller/model/read.h"

namespace sluice::model {

std::string Service::pin() const {
  const auto found = meta.annotations.find(marks::kPin);
  return found == meta.annotations.end() ? "" : found->second;
}

bool Service::covers(const Labels& labels) const {
  bool any = false;
  for (const auto& [key, value] : selector) {
    if (key == marks::kTemplateHash) continue;
    any = true;
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return any;
}

Service parse_service(const Json& object) {
  Service s;
  s.meta = kube::parse_meta(object);
  s.selector = read::texts(object, {"spec", "selector"});
  s.ports = read::array(object, {"spec", "ports"});
  return s;
}

EndpointSlice parse_endpoint_slice(const Json& object) {
  EndpointSlice slice;
  slice.meta = kube::parse_meta(object);
  const auto label = slice.meta.labels.find(marks::kServiceName);
  if (label != slice.meta.labels.end()) slice.service = label->second;
  for (const Json& endpoint : read::array(object, {"endpoints"})) {
    const bool is_pod = read::text(endpoint, {"targetRef", "kind"}) == "Pod";
    slice.endpoints.push_back(
        {is_pod ? read::text(endpoint, {"targetRef", "name"}) : "", read::boolean(endpoint, {"conditions", "ready"}, true)});
  }
  return slice;
}

HttpRoute parse_http_route(const Json& object) {
  HttpRoute route;
  route.meta = kube::parse_meta(object);
  route.rules = read::array(object, {"spec", "rules"});
  for (const Json& host : read::array(object, {"spec", "hostnames"}))
    if (host.is_string()) route.hostnames.push_back(host.get<std::string>());
  for (const Json& entry : read::array(object, {"status", "parents"})) {
    HttpRoute::Parent parent;
    parent.name = read::text(entry, {"parentRef", "namespace"}, route.meta.ns) + "/" + read::text(entry, {"parentRef", "name"});
    bool first = true;
    for (const Json& condition : read::array(entry, {"conditions"})) {
      const std::string type = read::text(condition, {"type"});
      const bool good = read::text(condition, {"status"}) == "True";
      if (type == "Accepted") parent.accepted = good;
      if (!good && (type == "Accepted" || type == "ResolvedRefs") && parent.trouble.empty())
        parent.trouble = type + " is false: " + read::text(condition, {"reason"}) + ": " + read::text(condition, {"message"});
      const std::int64_t seen = read::integer(condition, {"observedGeneration"});
      parent.observed_generation = first ? seen : std::min(parent.observed_generation, seen);
      first = false;
    }
    route.parents.push_back(std::move(parent));
  }
  return route;
}

bool HttpRoute::observed() const {
  return !parents.empty() &&
         std::all_of(parents.begin(), parents.end(), [&](const Parent& parent) { return parent.observed_generation >= meta.generation; });
}

std::string HttpRoute::trouble() const {
  for (const Parent& parent : parents)
    if (!parent.trouble.empty()) return "gateway " + parent.name + ": " + parent.trouble;
  return "";
}

}  // namespace sluice::model
