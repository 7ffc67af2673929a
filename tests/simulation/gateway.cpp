#include "tests/simulation/gateway.h"

#include <algorithm>

#include "tests/simulation/conditions.h"

namespace sluice::simulation {

namespace {
using namespace kube::resources;
constexpr std::string_view kSelf = "system:gateway";
constexpr const char* kController = "sim.sluice.dev/gateway";

std::vector<std::vector<Backend>> parse_rules(const Json& route, const std::string& ns) {
  std::vector<std::vector<Backend>> rules;
  const Json& specified = at(route, {"spec", "rules"});
  if (!specified.is_array()) return rules;
  for (const auto& rule : specified) {
    auto& backends = rules.emplace_back();
    const Json& references = at(rule, {"backendRefs"});
    if (!references.is_array()) continue;
    for (const auto& reference : references) {
      backends.push_back({{text(reference, {"namespace"}, ns), text(reference, {"name"})}, number(reference, {"weight"}, 1)});
    }
  }
  return rules;
}
}  // namespace

Gateway::Gateway(Context& context)
    : context_(context), status_(context, context.options.gateway_status, [this](const Name& name) { write_status(name); }) {}

const std::vector<Endpoint>& Gateway::endpoints(const Name& service) const {
  auto [joined, fresh] = joined_.try_emplace(service);
  if (fresh) {
    if (const auto slices = endpoints_.find(service); slices != endpoints_.end()) {
      for (const auto& [slice, list] : slices->second) joined->second.insert(joined->second.end(), list.begin(), list.end());
    }
  }
  return joined->second;
}

// Changes of one object take effect in their order.
void Gateway::ordered(const std::string& stream, std::function<void()> event) {
  Time& last = last_[stream];
  last = std::max(last, context_.clock.now() + context_.random.within(context_.options.data_plane));
  context_.events.at(last, [this, event = std::move(event)] {
    event();
    if (listener_) listener_();
  });
}

void Gateway::on_change(const Change& change) {
  const bool deleted = change.type == kube::WatchEvent::Type::Deleted;
  if (*change.resource == kHttpRoutes) {
    if (change.status_only) return;
    if (!deleted) status_.add(change.name);
    if (!deleted && change.before && at(*change.before, {"spec"}) == at(*change.object, {"spec"})) return;
    ordered("route/" + change.name.str(),
            [this, name = change.name, route = deleted ? nullptr : change.object, by = change.by] { apply_route(name, route, by); });
  } else if (*change.resource == kEndpointSlices) {
    const Name service{change.name.ns, label(*change.object, "kubernetes.io/service-name")};
    std::vector<Endpoint> ready;
    if (!deleted) {
      for (const auto& endpoint : (*change.object)["endpoints"]) {
        if (flag(endpoint, {"conditions", "ready"})) ready.push_back({text(endpoint, {"targetRef", "uid"})});
      }
    }
    ordered("slice/" + change.name.str(), [this, service, slice = change.name.name, deleted, ready = std::move(ready)]() mutable {
      if (deleted) {
        endpoints_[service].erase(slice);
      } else {
        endpoints_[service][slice] = std::move(ready);
      }
      joined_.erase(service);
    });
  } else if (*change.resource == kServices) {
    if (change.type == kube::WatchEvent::Type::Modified) return;
    for (const auto& [name, route] : context_.server.all(kHttpRoutes)) {
      for (const auto& rule : parse_rules(*route, name.ns)) {
        if (std::any_of(rule.begin(), rule.end(), [&](const Backend& b) { return b.service == change.name; })) status_.add(name);
      }
    }
    ordered("service/" + change.name.str(), [this, name = change.name, deleted] {
      if (deleted) {
        missing_.insert(name);
      } else {
        missing_.erase(name);
      }
    });
  }
}

void Gateway::apply_route(const Name& name, const JsonPtr& route, const std::string& by) {
  if (!route) {
    routes_.erase(name);
    return;
  }
  RouteView view{parse_rules(*route, name.ns), by};
  std::set<Name> warm;
  for (const auto& [other, known] : routes_) {
    for (const auto& rule : known.rules) {
      for (const auto& backend : rule) {
        if (!backend.cold) warm.insert(backend.service);
      }
    }
  }
  std::set<Name> cold;
  for (auto& rule : view.rules) {
    for (auto& backend : rule) {
      backend.cold = !warm.contains(backend.service) && !routes_.empty();
      if (backend.cold) cold.insert(backend.service);
    }
  }
  routes_[name] = std::move(view);
  for (const auto& service : cold) {
    context_.events.after(context_.random.within(context_.options.warm_up), [this, name, service] {
      const auto it = routes_.find(name);
      if (it == routes_.end()) return;
      for (auto& rule : it->second.rules) {
        for (auto& backend : rule) {
          if (backend.service == service) backend.cold = false;
        }
      }
      if (listener_) listener_();
    });
  }
}

void Gateway::write_status(const Name& name) {
  const auto route = context_.server.find(kHttpRoutes, name);
  if (!route || deleting(*route)) return;
  std::string missing;
  for (const auto& rule : parse_rules(*route, name.ns)) {
    for (const auto& backend : rule) {
      if (!context_.server.find(kServices, backend.service)) missing = backend.service.name;
    }
  }
  const std::string now = format_time(std::chrono::floor<std::chrono::seconds>(context_.clock.now()));
  const auto condition = [&](const char* type, bool good, const std::string& reason, const std::string& message) {
    Json c{{"type", type},
           {"status", good ? "True" : "False"},
           {"reason", reason},
           {"message", message},
           {"observedGeneration", number(*route, {"metadata", "generation"})},
           {"lastTransitionTime", now}};
    return c;
  };
  // As real gateways do, an unchanged answer is not written again with a new time.
  const Json& first = at(*route, {"status", "parents"});
  if (first.is_array() && !first.empty()) {
    const Json* resolved = find_condition(first[0], "ResolvedRefs");
    if (resolved && number(*resolved, {"observedGeneration"}) == number(*route, {"metadata", "generation"}) &&
        (text(*resolved, {"status"}) == "True") == missing.empty()) {
      return;
    }
  }
  Json object = *route;
  Json parents = Json::array();
  if (const Json& references = at(*route, {"spec", "parentRefs"}); references.is_array()) {
    for (const auto& reference : references) {
      parents.push_back(
          {{"parentRef", reference},
           {"controllerName", kController},
           {"conditions", Json::array({condition("Accepted", true, "Accepted", "Accepted HTTPRoute"),
                                       missing.empty() ? condition("ResolvedRefs", true, "ResolvedRefs", "References resolved")
                                                       : condition("ResolvedRefs", false, "BackendNotFound",
                                                                   "service \"" + name.ns + "/" + missing + "\" is not found")})}});
    }
  }
  object["status"] = {{"parents", std::move(parents)}};
  kube::WriteOptions options;
  options.subresource = "status";
  (void)context_.server.update(kSelf, kHttpRoutes, std::move(object), options);
}

}  // namespace sluice::simulation
