#include "tests/simulation/traffic.h"

#include <algorithm>

#include "common/core/percent.h"
#include "tests/simulation/selectors.h"

namespace sluice::simulation {

namespace {
using namespace kube::resources;
// A pod that has been ready for this long is known to everybody: having no endpoints then is no start-up delay.
constexpr Duration kSurelyKnown{2000};
constexpr const char* kHash = "pod-template-hash";
}  // namespace

const ServiceTraffic* TrafficView::find(const Name& service) const {
  const auto it = std::find_if(services.begin(), services.end(), [&](const ServiceTraffic& s) { return s.service == service; });
  return it == services.end() ? nullptr : &*it;
}

void Traffic::track(const Name& service, double requests_per_second) {
  apps_.push_back({service, requests_per_second, {}});
  dirty_ = true;
}

void Traffic::lose(Evaluation& result, double share, std::string reason, std::string excuse) const {
  result.traffic.lost += share;
  for (auto& loss : result.losses) {
    if (loss.reason == reason && loss.excuse == excuse) {
      loss.share += share;
      return;
    }
  }
  result.losses.push_back(
      {context_.clock.now(), context_.clock.now(), result.traffic.service, share, std::move(reason), std::move(excuse)});
}

std::string Traffic::excuse_for_no_endpoints(const Name& name) const {
  const auto service = context_.server.find(kServices, name);
  if (!service) return context_.blame.of(name.str());
  Json selector = at(*service, {"spec", "selector"});
  if (!selector.is_object()) return "the Service has no selector";
  const std::string hash = text(selector, {kHash});
  selector.erase(kHash);
  // V' selects by hash alone: whoever carries that hash is meant.
  const Json wide = selector.empty() ? Json{{kHash, hash}} : selector;
  bool somebody = false, set_wants_pods = false, set_ready = false, set_long_ready = false, native = false;
  std::string blamed;  // people took the pods of that hash away
  kubelet_.each([&](const PodLife& life) {
    if (!hash.empty() && life.name.ns == name.ns && life.replica_set.ends_with("-" + hash))
      if (const std::string excuse = context_.blame.of(life.uid); !excuse.empty()) blamed = excuse;
    if (!life.ready || life.name.ns != name.ns) return;
    const auto pod = context_.server.find(kPods, life.name);
    if (!pod || deleting(*pod)) return;
    const Json& labels = at(*pod, {"metadata", "labels"});
    const bool long_ready = life.ready_at + kSurelyKnown <= context_.clock.now();
    if (covers(wide, labels)) somebody |= long_ready;
    if (!hash.empty() && text(labels, {kHash}) == hash) {
      set_ready = true;
      set_long_ready |= long_ready;
    }
  });
  if (!hash.empty()) {
    context_.server.each(kReplicaSets, name.ns, [&](const Name&, const JsonPtr& set) {
      if (text(*set, {"spec", "template", "metadata", "labels", kHash}) == hash) set_wants_pods |= number(*set, {"spec", "replicas"}) > 0;
    });
    if (!set_long_ready && !blamed.empty()) return blamed;
    if (set_wants_pods && !set_ready) return "the pods of " + hash + " are not ready by themselves";
    if (selector.empty()) return "";
  }
  if (!somebody) return "no pod could have served";
  context_.server.each(kDeployments, name.ns, [&](const Name&, const JsonPtr& d) {
    if (covers(selector, at(*d, {"spec", "template", "metadata", "labels"}))) native |= !flag(*d, {"spec", "paused"});
  });
  return native && hash.empty() ? "the Deployment rolls by itself" : "";
}

void Traffic::send(Evaluation& result, Shares& shares, const Backend& backend, double share, double rule_share,
                   const std::string& route_by) const {
  if (share <= 0) return;
  if (backend.cold) {
    return lose(result, share * rule_share, "backend " + backend.service.str() + " has weight and is new to the data plane",
                route_by == kOperator ? "" : "the route was edited by " + route_by);
  }
  const auto& endpoints = gateway_.endpoints(backend.service);
  if (endpoints.empty()) {
    return lose(result, share * rule_share, "backend " + backend.service.str() + " has no ready endpoints",
                excuse_for_no_endpoints(backend.service));
  }
  const double each = share / static_cast<double>(endpoints.size());
  for (const auto& endpoint : endpoints) {
    const PodLife* pod = kubelet_.life(endpoint.pod_uid);
    if (pod && pod->running) {
      shares[pod->replica_set] += each;
      result.pods.insert(pod->uid);
    } else {
      lose(result, each * rule_share, "requests to a stopped pod of " + (pod ? pod->replica_set : "nobody"),
           context_.blame.of(endpoint.pod_uid));
    }
  }
}

Traffic::Evaluation Traffic::evaluate(const Name& service) const {
  Evaluation result;
  result.traffic.service = service;
  const Name canary{service.ns, service.name + "-canary"};
  struct Rule {
    const std::vector<Backend>* backends;
    const std::string* by;
  };
  std::vector<Rule> rules;
  for (const auto& [name, route] : gateway_.routes()) {
    for (const auto& rule : route.rules) {
      const bool names_it =
          std::any_of(rule.begin(), rule.end(), [&](const Backend& b) { return b.service == service || b.service == canary; });
      if (names_it) rules.push_back({&rule, &route.changed_by});
    }
  }
  if (rules.empty()) {
    Shares& shares = result.traffic.rules.emplace_back();
    send(result, shares, {service, 1, false}, 1.0, 1.0, std::string(kOperator));
  }
  for (const auto& [backends, by] : rules) {
    const double rule_share = 1.0 / static_cast<double>(rules.size());
    Shares& shares = result.traffic.rules.emplace_back();
    double family = 0, others = 0;
    for (const auto& backend : *backends) {
      if (!gateway_.known(backend.service)) continue;
      const bool ours = backend.service == service || backend.service == canary;
      (ours ? family : others) += static_cast<double>(backend.weight);
    }
    if (family <= 0) {
      if (others <= 0)
        lose(result, rule_share, "no backend of the rule has any weight", *by == kOperator ? "" : "the route was edited by " + *by);
      continue;
    }
    for (const auto& backend : *backends) {
      if (!gateway_.known(backend.service) || (backend.service != service && backend.service != canary)) continue;
      send(result, shares, backend, static_cast<double>(backend.weight) / family, rule_share, *by);
    }
  }
  for (const auto& shares : result.traffic.rules) {
    for (const auto& [set, share] : shares) {
      result.traffic.by_replica_set[set] += share / static_cast<double>(result.traffic.rules.size());
    }
  }
  return result;
}

void Traffic::report(const Loss& loss) const {
  if (!loss.excuse.empty()) return;
  bool managed = false;
  context_.server.each(kRollouts, loss.service.ns, [&](const Name&, const JsonPtr& r) { managed |= !deleting(*r); });
  context_.violation(std::string(managed ? "traffic lost" : "I9, traffic lost without a Rollout") + ": service " + loss.service.str() +
                     ": " + loss.reason + (loss.share > 0 ? " (" + format_percent(loss.share) + " of the requests)" : ""));
}

void Traffic::pod_ended(PodLife& pod) {
  dirty_ = true;
  const auto now = context_.clock.now();
  if (served_.contains(pod.uid)) pod.last_request = now;
  if (pod.last_request + context_.options.longest_request <= now) return;
  Loss loss{now, now, {pod.name.ns, ""}, 0, "requests in flight when a pod of " + pod.replica_set + " stopped", context_.blame.of(pod.uid)};
  for (const auto& app : apps_) {
    if (app.service.ns == pod.name.ns) loss.service = app.service;
  }
  losses_.push_back(loss);
  report(loss);
}

void Traffic::flush() {
  if (!dirty_) return;
  dirty_ = false;
  const auto now = context_.clock.now();
  view_.at = now;
  view_.services.clear();
  std::set<std::string> served;
  std::map<std::string, std::size_t> still_open;
  for (auto& app : apps_) {
    Evaluation result = evaluate(app.service);
    served.insert(result.pods.begin(), result.pods.end());
    if (app.history.empty() || app.history.back().shares != result.traffic.by_replica_set) {
      if (!app.history.empty() && app.history.back().from == now) {
        app.history.back().shares = result.traffic.by_replica_set;
      } else {
        app.history.push_back({now, result.traffic.by_replica_set});
      }
    }
    for (const auto& loss : result.losses) {
      const std::string key = app.service.str() + "|" + loss.reason + "|" + loss.excuse;
      if (const auto it = open_.find(key); it != open_.end()) {
        still_open.insert(*it);
        losses_[it->second].share = std::max(losses_[it->second].share, loss.share);
      } else {
        losses_.push_back(loss);
        still_open[key] = losses_.size() - 1;
        report(loss);
      }
    }
    view_.services.push_back(std::move(result.traffic));
  }
  for (const auto& [key, index] : open_) losses_[index].to = now;
  for (const auto& uid : served_) {
    if (PodLife* life = kubelet_.life(uid)) life->last_request = now;
  }
  served_ = std::move(served);
  open_ = std::move(still_open);
}

}  // namespace sluice::simulation
