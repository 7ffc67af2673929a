#include "controller/engine/gateway.h"

#include <algorithm>

#include "common/core/percent.h"
#include "controller/model/marks.h"

namespace sluice::engine {

namespace marks = model::marks;

namespace {

constexpr Duration kRepairPause{30'000};  // a route that somebody keeps writing is repaired at most this often

bool route_there(Pass& pass) {
  if (pass.w.route) return true;
  pass.phase(Phase::Holding, "RouteNotFound");
  pass.say("HTTPRoute " + pass.run().route + " has vanished", "create it again; Sluice goes on by itself when it is there");
  return false;
}

}  // namespace

// Canary pods that fail by themselves need no traffic to be judged.
bool pods_failed(Pass& pass, const model::ReplicaSet& canary) {
  const auto& analysis = pass.rollout().analysis;
  for (const model::Pod* pod : pods_of(pass.w, canary)) {
    if (pod->restarts <= analysis.max_restarts) continue;
    retreat(pass, Outcome::RolledBack, "PodsFailed",
            "canary pod " + pod->meta.name + " restarted " + plural(pod->restarts, "time") + " (limit " +
                std::to_string(analysis.max_restarts) + ")" + (pod->trouble.empty() ? "" : ": " + pod->trouble));
    return true;
  }
  return false;
}

// Once available, a canary that loses too many pods gets no further traffic.
bool pods_lost(Pass& pass, const model::ReplicaSet& canary) {
  Run& run = pass.run();
  const int ready = static_cast<int>(ready_pods(pass.w, canary).size());
  const int expected = std::min(run.canary_reached, canary.replicas);
  const int lost = expected - ready;
  const int allowed = scaled_count(pass.rollout().analysis.max_unready, expected).value_or(0);
  if (run.weight == 0 || lost <= 0 || (lost < allowed && ready > 0)) return false;
  std::string trouble;
  for (const model::Pod* pod : pods_of(pass.w, canary))
    if (!pod->ready && !pod->trouble.empty()) trouble = "; " + pod->meta.name + ": " + pod->trouble;
  retreat(pass, Outcome::RolledBack, "PodsFailed",
          "only " + std::to_string(ready) + " of " + plural(expected, "canary pod") + (expected == 1 ? " is" : " are") +
              " ready (maxUnready " + pass.rollout().analysis.max_unready + ")" + trouble);
  return true;
}

// Scales the canary and waits for its pods and, in route mode, for its endpoints. The progress deadline runs meanwhile.
bool capacity(Pass& pass, const model::ReplicaSet& canary, int replicas, const std::string& service) {
  Run& run = pass.run();
  run.canary_desired = replicas;
  run.canary_ready = static_cast<int>(ready_pods(pass.w, canary).size());
  if (canary.replicas != replicas) pass.effect(ScaleReplicaSet{canary.meta.name, replicas, canary.meta.resource_version});
  const bool pods = canary.replicas == replicas && canary.status.available >= replicas;
  const PodNames ready = ready_pods(pass.w, canary), behind = endpoints(pass.w, service);
  const bool reachable =
      std::includes(behind.begin(), behind.end(), ready.begin(), ready.end()) && (service == run.service || behind.size() == ready.size());
  if (pods && reachable && static_cast<int>(ready.size()) >= replicas) {
    run.progress_deadline.reset();
    run.canary_reached = replicas;
    return true;
  }
  if (pods && static_cast<int>(ready.size()) >= replicas) {  // the deadline is for pods, not for what routes to them
    run.progress_deadline.reset();
    pass.because("WaitingForEndpoints");
    pass.say("waiting for the endpoints of Service " + service + " to be the canary's " + plural(replicas, "pod"));
    return false;
  }
  if (!run.progress_deadline) run.progress_deadline = pass.now + pass.rollout().progress_deadline;
  std::string trouble = canary.status.failure;
  for (const model::Pod* pod : pods_of(pass.w, canary))
    if (trouble.empty() && !pod->ready && !pod->trouble.empty()) trouble = pod->meta.name + ": " + pod->trouble;
  const std::string state = std::to_string(canary.status.available) + " of " + plural(replicas, "canary pod") + " available" +
                            (trouble.empty() ? "" : " (" + trouble + ")");
  if (pass.now >= *run.progress_deadline) {
    retreat(pass, Outcome::RolledBack, "DeadlineExceeded",
            state + " after the progress deadline of " + format_duration(pass.rollout().progress_deadline));
    return false;
  }
  pass.look_again(*run.progress_deadline);
  pass.because("WaitingForPods");
  pass.say("waiting for pods of the canary: " + state);
  return false;
}

bool ensure_canary_service(Pass& pass, const model::ReplicaSet& canary) {
  Run& run = pass.run();
  if (run.route.empty()) return true;
  const std::string name = canary_service_name(run.service);
  const auto& service = pass.w.canary_service;
  if (service && mark(service->meta.annotations, marks::kUid) != pass.rollout().meta.uid) {
    pass.phase(Phase::Holding, "NameTaken");
    pass.say("Service " + name + " exists and is not of this Rollout", "delete or rename it");
    return false;
  }
  if (service && mark(service->selector, marks::kTemplateHash) == canary.hash) return true;
  // Somebody deleted or re-pointed it under traffic: created anew with weight on it, it would lose requests until the gateway
  // knows its endpoints. So the canary goes to 0 and joins again, as at the beginning.
  if (pass.w.route && joined(pass.w) && traffic::canary_percent(pass.w.route->rules, split_of(pass)).value_or(0) > 0) {
    const auto zero = rules_at(pass, 0);
    run.weight_observed = 0;
    run.tick_from.reset();
    run.repaired = pass.now;
    pass.checkpoint();
    patch_route(pass, zero ? *zero : traffic::without_canary(pass.w.route->rules, split_of(pass)), 0);
    pass.event("CanaryServiceLost", "Service " + name + " was changed by somebody else: the canary gets no traffic until it is back", true);
    return false;
  }
  // A Service without endpoints yet must not meet the old weight on its way through the data plane.
  if (pass.w.route && joined(pass.w)) {
    if (!route_observed(pass)) return false;
    if (run.repaired && pass.now < *run.repaired + pass.rollout().settle) {
      pass.look_again(*run.repaired + pass.rollout().settle);
      pass.say("the canary gets no traffic until Service " + name + " is back");
      return false;
    }
  }
  if (run.repaired || (pass.w.route && joined(pass.w))) run.repaired = pass.now;  // the settle before the next raise counts from here
  pass.checkpoint();
  pass.effect(PutCanaryService{name, canary.hash});
  return false;
}

// The gateway's answer to our last change of the route. A canary Service that somebody deleted is no trouble for a route that
// sends it nothing: the way back must not wait for it.
bool route_observed(Pass& pass) {
  const model::HttpRoute& route = *pass.w.route;
  if (route.observed() && !pass.w.canary_service && traffic::canary_percent(route.rules, split_of(pass)).value_or(0) == 0) return true;
  if (route.observed()) {
    if (const std::string trouble = route.trouble(); !trouble.empty()) {
      pass.phase(Phase::Holding, "RouteTrouble");
      pass.say("the gateway does not follow HTTPRoute " + route.meta.name + ": " + trouble);
      return false;
    }
    return true;
  }
  pass.because("WaitingForGateway");
  pass.say("waiting for the gateway to report HTTPRoute " + route.meta.name + " as observed");
  return false;
}

void patch_route(Pass& pass, const Json& rules, int percent, std::map<std::string, std::optional<std::string>> annotations) {
  const model::HttpRoute& route = *pass.w.route;
  pass.effect(PatchRoute{route.meta.name, rules, std::move(annotations), route.meta.resource_version, percent});
}

// Brings the route to `percent`; true once it is there and observed. What somebody else wrote over it in mid-run is taken
// down at once if it gives the canary more, and repaired slowly if it gives less.
bool route_at(Pass& pass, int percent) {
  Run& run = pass.run();
  if (!route_there(pass)) return false;
  const auto split = split_of(pass);
  const int actual = traffic::canary_percent(pass.w.route->rules, split).value_or(-1);
  const auto wanted = rules_at(pass, percent);
  const bool as_written = wanted && pass.w.route->rules == *wanted;
  if (as_written) {
    if (!route_observed(pass)) return false;
    if (run.weight_observed != percent) {
      run.weight_observed = percent;
      run.max_weight = std::max(run.max_weight, percent);
      pass.event("TrafficShifted", "the canary gets " + std::to_string(percent) + "% of the traffic of Service " + run.service);
    }
    return true;
  }
  const auto last = rules_at(pass, run.weight_observed);
  const bool ours = last && pass.w.route->rules == *last;
  if (!ours && joined(pass.w) && actual > percent) {
    const auto lowered = rules_at(pass, percent);
    if (lowered) patch_route(pass, *lowered, percent);
    pass.event("TrafficDrifted",
               "HTTPRoute " + run.route + " gave the canary " + std::to_string(actual) + "% instead of " + std::to_string(percent) +
                   "%: corrected",
               true);
    return false;
  }
  if (!ours) {
    // Somebody's rules are the new original; the canary joins them again at weight 0 and is raised from there.
    if (run.repaired && pass.now < *run.repaired + kRepairPause) {
      pass.look_again(*run.repaired + kRepairPause);
      pass.phase(Phase::Holding, "TrafficDrifted");
      pass.say("HTTPRoute " + run.route + " was written by somebody else; it is repaired at most every 30s");
      return false;
    }
    const Json base = traffic::without_canary(pass.w.route->rules, split);
    const auto rules = traffic::with_canary(base, split, 0);
    if (!rules) {
      pass.phase(Phase::Holding, "RouteMismatch");
      pass.say("HTTPRoute " + run.route + ": " + rules.error().message, "correct the route");
      return false;
    }
    run.repaired = pass.now;
    run.weight_observed = 0;
    run.tick_from.reset();
    pass.checkpoint();
    patch_route(pass, *rules, 0, {{marks::kOriginal, base.dump()}});
    pass.event("TrafficDrifted", "HTTPRoute " + run.route + " was written by somebody else: the canary joins it again", true);
    return false;
  }
  if (!route_observed(pass)) return false;
  if (run.repaired && pass.now < *run.repaired + pass.rollout().settle) {
    pass.look_again(*run.repaired + pass.rollout().settle);  // the gateway must know the backend again before it gets traffic
    pass.say("the canary has joined HTTPRoute " + run.route + " again and is raised in a moment");
    return false;
  }
  patch_route(pass, *wanted, percent);
  pass.because("ShiftingTraffic");
  pass.say("shifting " + std::to_string(percent) + "% of the traffic to the canary");
  return false;
}

bool route_restored(Pass& pass) {
  const auto& route = pass.w.route;
  if (!route || pass.run().route.empty()) return true;
  const auto split = split_of(pass);
  const bool marked = joined(pass.w) || !mark(route->meta.annotations, marks::kRetreat).empty();
  const bool split_still = traffic::canary_percent(route->rules, split).has_value();
  if (!marked && !split_still) return route_observed(pass);
  const auto original = original_rules(pass.w);
  const int actual = traffic::canary_percent(route->rules, split).value_or(-1);
  const auto written = actual >= 0 ? rules_at(pass, actual) : Expected<Json>(Json());
  const bool ours = original && written && route->rules == *written;
  patch_route(pass, ours ? *original : traffic::without_canary(route->rules, split), 0,
              {{marks::kOriginal, std::nullopt}, {marks::kRetreat, std::nullopt}});
  return false;
}

bool services_follow(Pass& pass, const model::ReplicaSet& set) {
  const PodNames ready = ready_pods(pass.w, set);
  for (const model::Service* service : pinnable(pass.w)) {
    if (endpoints(pass.w, service->meta.name) == ready) continue;
    pass.say("waiting for the endpoints of Service " + service->meta.name + " to be the pods of ReplicaSet " + set.meta.name);
    return false;
  }
  return true;
}

}  // namespace sluice::engine
