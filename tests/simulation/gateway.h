// The Gateway API implementation: a route's status, and what its data plane believes: routes, endpoints and Services as they
// were a moment ago, each on its own delay, so that endpoints may run ahead of routes and the other way round.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/context.h"

namespace sluice::simulation {

struct Endpoint {
  std::string pod_uid;
};

struct Backend {
  Name service;
  long long weight = 1;
  bool cold = false;  // new to the data plane, which answers 503 for it until warmed up
};

struct RouteView {
  std::vector<std::vector<Backend>> rules;
  std::string changed_by;  // who wrote the route that is in force
};

class Gateway {
 public:
  explicit Gateway(Context& context);
  void on_change(const Change& change);
  // Called whenever the data plane's beliefs changed.
  void on_view(std::function<void()> listener) { listener_ = std::move(listener); }

  const std::map<Name, RouteView>& routes() const { return routes_; }
  // The ready endpoints that requests to the Service are spread over.
  const std::vector<Endpoint>& endpoints(const Name& service) const;
  // false: the data plane knows that there is no such Service and gives its share to the other backends of the rule.
  bool known(const Name& service) const { return !missing_.contains(service); }

 private:
  void write_status(const Name& route);
  void apply_route(const Name& name, const JsonPtr& route, const std::string& by);
  void ordered(const std::string& stream, std::function<void()> event);

  Context& context_;
  Worker status_;
  std::function<void()> listener_;
  std::map<std::string, Time> last_;  // per stream: when its latest change takes effect
  std::map<Name, RouteView> routes_;
  std::map<Name, std::map<std::string, std::vector<Endpoint>>> endpoints_;  // by Service and slice
  mutable std::map<Name, std::vector<Endpoint>> joined_;
  std::set<Name> missing_;
};

}  // namespace sluice::simulation
