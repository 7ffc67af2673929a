// Services, EndpointSlices and HTTPRoutes as the engine sees them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/kube/json.h"
#include "controller/kube/object.h"
#include "controller/model/workload.h"

namespace sluice::model {

struct Service {
  ObjectMeta meta;
  Labels selector;
  Json ports = Json::array();  // as the API returns them; copied to the canary Service
  std::string pin() const;     // value of the mark sluice.dev/pin, "" if not pinned

  // The selector without pod-template-hash matches these labels. A Service without selector matches nothing.
  bool covers(const Labels& labels) const;
};

struct EndpointSlice {
  ObjectMeta meta;
  std::string service;  // label kubernetes.io/service-name
  struct Endpoint {
    std::string pod;  // targetRef.name, "" if it is not a pod
    bool ready = false;
    bool operator==(const Endpoint&) const = default;
  };
  std::vector<Endpoint> endpoints;
};

struct HttpRoute {
  ObjectMeta meta;
  Json rules = Json::array();  // spec.rules, as the API returns them
  std::vector<std::string> hostnames;

  struct Parent {
    std::string name;                      // "namespace/gateway"
    bool accepted = false;                 // condition Accepted is True
    std::string trouble;                   // reason and message of a condition that is not as it should be
    std::int64_t observed_generation = 0;  // smallest of its conditions
  };
  std::vector<Parent> parents;

  // At least one gateway reports, and all that report have seen this generation.
  bool observed() const;
  // The first trouble that a gateway reports, "" if none.
  std::string trouble() const;
};

Service parse_service(const Json& object);
EndpointSlice parse_endpoint_slice(const Json& object);
HttpRoute parse_http_route(const Json& object);

}  // namespace sluice::model
