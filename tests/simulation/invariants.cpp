#include "tests/simulation/invariants.h"

#include <algorithm>

#include "tests/simulation/selectors.h"

namespace sluice::simulation {

namespace {
using namespace kube::resources;
constexpr const char* kRollout = "sluice.dev/rollout";
constexpr const char* kPin = "sluice.dev/pin";
constexpr const char* kHandover = "sluice.dev/handover";
constexpr const char* kOriginal = "sluice.dev/original";
constexpr const char* kBreakGlass = "sluice.dev/break-glass";
constexpr const char* kHash = "pod-template-hash";

// Share that a rule gives to Services of ours (label sluice.dev/rollout, or by name when they are gone).
bool ours(const ApiServer& server, const Name& service) {
  const auto object = server.find(kServices, service);
  if (object) return !label(*object, kRollout).empty();
  return service.name.ends_with("-canary");
}

double canary_share(const ApiServer& server, const Json& rule, const std::string& ns) {
  double canary = 0, all = 0;
  const Json& references = at(rule, {"backendRefs"});
  if (!references.is_array()) return 0;
  for (const auto& reference : references) {
    const auto weight = static_cast<double>(number(reference, {"weight"}, 1));
    all += weight;
    if (ours(server, {ns, text(reference, {"name"})})) canary += weight;
  }
  return all > 0 ? canary / all : 0;
}
}  // namespace

void Invariants::violation(const std::string& what) {
  if (!seen_.insert(what).second) return;
  violated_.push_back(format_time(context_.clock.now()).substr(11) + " " + what);
}

void Invariants::on_change(const Change& change) {
  const bool people = change.by != kOperator && !change.by.starts_with("system:");
  if (*change.resource == kReplicaSets && people && change.type == kube::WatchEvent::Type::Deleted)
    taken_away_.insert(text(*change.object, {"spec", "template", "metadata", "labels", kHash}));
  if (*change.resource == kHttpRoutes && !change.status_only) check_route(change);
  if (*change.resource == kReplicaSets || *change.resource == kPods) check_touch(change);
  if (!change.status_only && (*change.resource == kServices || *change.resource == kDeployments || *change.resource == kReplicaSets)) {
    check_pins(change.name.ns);
  }
  if (*change.resource == kRollouts && change.type == kube::WatchEvent::Type::Deleted && change.by == kOperator) {
    check_nothing_left(change);
  }
}

void Invariants::check_route(const Change& change) {
  if (change.by != kOperator || change.type == kube::WatchEvent::Type::Deleted) return;
  const Json& rules = at(*change.object, {"spec", "rules"});
  if (!rules.is_array()) return;
  const Json& before = change.before ? at(*change.before, {"spec", "rules"}) : rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const double now = canary_share(context_.server, rules[i], change.name.ns);
    const double then = before.is_array() && i < before.size() ? canary_share(context_.server, before[i], change.name.ns) : 0;
    if (now <= then + 1e-9) continue;
    for (const auto& reference : rules[i]["backendRefs"]) {
      const Name service{change.name.ns, text(reference, {"name"})};
      if (number(reference, {"weight"}, 1) == 0 || !ours(context_.server, service)) continue;
      std::set<std::string> sets;
      int ready = 0;
      context_.server.each(kEndpointSlices, service.ns, [&](const Name&, const JsonPtr& slice) {
        if (label(*slice, "kubernetes.io/service-name") != service.name) return;
        for (const auto& endpoint : (*slice)["endpoints"]) {
          if (!flag(endpoint, {"conditions", "ready"})) continue;
          ++ready;
          const auto pod = context_.server.find(kPods, {service.ns, text(endpoint, {"targetRef", "name"})});
          if (pod) sets.insert(text(controller_of(*pod), {"name"}));
        }
      });
      if (ready == 0) violation("I2: route " + change.name.str() + " gives weight to " + service.name + ", which has no ready endpoints");
      if (sets.size() > 1)
        violation("I2: route " + change.name.str() + " gives weight to " + service.name + ", whose endpoints are of " +
                  std::to_string(sets.size()) + " ReplicaSets");
    }
  }
}

void Invariants::check_touch(const Change& change) {
  if (change.by != kOperator) return;
  if (*change.resource == kPods) return violation("I3: the operator wrote to pod " + change.name.str());
  if (!change.before) return;
  const Json& owner = controller_of(*change.before);
  if (text(owner, {"kind"}) != "Deployment" || number(*change.before, {"spec", "replicas"}) == 0) return;
  const auto d = context_.server.find(kDeployments, {change.name.ns, text(owner, {"name"})});
  if (d && has_annotation(*d, kHandover)) return;
  // Two sets that an edit froze in a native rolling update: one of them must go before a canary comes.
  int active = 0;
  context_.server.each(kReplicaSets, change.name.ns, [&](const Name&, const JsonPtr& set) {
    active += text(controller_of(*set), {"uid"}) == text(owner, {"uid"}) &&
              (number(*set, {"spec", "replicas"}) > 0 || name_of(*set) == change.name);
  });
  if (active > 1) return;
  violation("I3: the operator wrote to replicaset " + change.name.str() + " of deployment " + text(owner, {"name"}) +
            " before the hand-over");
}

void Invariants::check_pins(const std::string& ns) {
  context_.server.each(kServices, ns, [&](const Name& name, const JsonPtr& service) {
    const std::string hash = annotation(*service, kPin);
    if (hash.empty() || has_annotation(*service, kBreakGlass)) {
      small_since_.erase(name);
      return;
    }
    Json selector = at(*service, {"spec", "selector"});
    if (selector.is_object()) selector.erase(kHash);
    long long wanted = -1;
    context_.server.each(kDeployments, ns, [&](const Name& d_name, const JsonPtr& d) {
      if (deleting(*d) || !covers(selector, at(*d, {"spec", "template", "metadata", "labels"}))) return;
      wanted = std::max(wanted, number(*d, {"spec", "replicas"}));
      if (!flag(*d, {"spec", "paused"})) {
        violation("I12: service " + name.str() + " is pinned to " + hash + " while deployment " + d_name.str() + " is not paused");
      }
    });
    if (wanted < 0) return;  // the Deployment is gone
    long long size = -1;
    context_.server.each(kReplicaSets, ns, [&](const Name&, const JsonPtr& set) {
      if (text(*set, {"spec", "template", "metadata", "labels", kHash}) == hash) size = std::max(size, number(*set, {"spec", "replicas"}));
    });
    if (wanted > 0 && size <= 0 && !taken_away_.contains(hash)) {
      violation("I12: service " + name.str() + " is pinned to " + hash + (size < 0 ? ", which does not exist" : ", which is scaled to 0"));
    }
    if (size >= wanted) {
      small_since_.erase(name);
      return;
    }
    const auto [since, first] = small_since_.try_emplace(name, context_.clock.now());
    if (!first) return;
    context_.events.after(context_.options.pin_grace, [this, name, hash, start = since->second] {
      const auto still = small_since_.find(name);
      if (still != small_since_.end() && still->second == start) {
        violation("I12: service " + name.str() + " is pinned to " + hash + ", which has stayed smaller than its Deployment");
      }
    });
  });
}

void Invariants::check_nothing_left(const Change& change) {
  const std::string& name = change.name.name;
  const auto left = [&](const Resource& resource, const Name& what, const char* why) {
    violation("I9: rollout " + change.name.str() + " is gone, " + called(resource, what) + " " + why);
  };
  for (const Resource* resource : {&kReplicaSets, &kServices}) {
    context_.server.each(*resource, change.name.ns, [&](const Name& other, const JsonPtr& object) {
      if (label(*object, kRollout) == name && !deleting(*object)) left(*resource, other, "of it is left");
    });
  }
  context_.server.each(kDeployments, change.name.ns, [&](const Name& d_name, const JsonPtr& d) {
    if (annotation(*d, kRollout) != name) return;
    left(kDeployments, d_name, "is still marked");
  });
  const std::string target = text(*change.object, {"spec", "targetRef", "name"});
  const auto d = context_.server.find(kDeployments, {change.name.ns, target});
  if (!d) return;
  context_.server.each(kServices, change.name.ns, [&](const Name& other, const JsonPtr& service) {
    Json selector = at(*service, {"spec", "selector"});
    if (selector.is_object()) selector.erase(kHash);
    if (has_annotation(*service, kPin) && covers(selector, at(*d, {"spec", "template", "metadata", "labels"})))
      left(kServices, other, "is still pinned");
  });
  const std::string route = text(*change.object, {"spec", "traffic", "httpRoute", "name"});
  if (const auto object = context_.server.find(kHttpRoutes, {change.name.ns, route}); object && has_annotation(*object, kOriginal)) {
    left(kHttpRoutes, {change.name.ns, route}, "is still split");
  }
}

}  // namespace sluice::simulation
