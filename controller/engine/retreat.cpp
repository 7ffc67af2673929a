// A failed, cancelled or superseded run: weight 0 first, then everything of ours away.
//
//   part 0  no traffic to the canary: weight 0 (ratio mode: the Services pinned to the stable set); observed; settle
//   part 1  the canary's pods away
//   part 2  the route as it was; observed; settle
//   part 3  no pins
//   part 4  canary ReplicaSet and Service away (a borrowed set back into the Deployment's history)
//   part 5  marks away, history written
// A superseded run keeps pins, route and canary Service for the next one.
#include <algorithm>

#include "controller/engine/gateway.h"
#include "controller/engine/look.h"
#include "controller/engine/pass.h"
#include "controller/model/marks.h"

namespace sluice::engine {

namespace marks = model::marks;

namespace {

enum Part { kNoTraffic, kNoPods, kRouteBack, kNoPins, kNothingLeft, kEnd };

// Route mode only: in ratio mode the pins are the retreat itself and must go before the next canary.
bool keeps_route(const Pass& pass) { return pass.run().outcome == Outcome::Superseded && !pass.run().route.empty(); }

// A superseded run keeps its route for the next one. If there will be none (the Rollout or the Deployment goes, or the
// template came back to the one that serves) everything must go after all, and so what was kept is taken back now.
void reconsider(Pass& pass) {
  Run& run = pass.run();
  if (run.outcome != Outcome::Superseded) return;
  const auto& d = pass.w.deployment;
  const model::ReplicaSet* stable = find_set(pass.w, run.stable);
  if (pass.rollout().deleting() || !d || d->meta.deletion_time) {
    run.outcome = Outcome::Left;
  } else if (stable == nullptr || stable->template_digest != d->template_digest) {
    return;
  } else {
    run.outcome = Outcome::Cancelled;
  }
  if (run.part > kRouteBack && !run.route.empty()) pass.enter(Stage::Retreating, kRouteBack);
}

bool refuses_template(const Run& run) { return run.outcome == Outcome::RolledBack || run.outcome == Outcome::Aborted; }

// "<rollout>/<revision>/<outcome>/<why>": enough to go on with the retreat after a crash before the status was written.
std::string retreat_mark(const Pass& pass) {
  const Run& run = pass.run();
  return run_name(pass) + "/" + model::text(run.outcome.value_or(Outcome::RolledBack)) + "/" + run.why;
}

// True once the route sends nothing to the canary and the gateway follows, or there is no such route.
bool weight_is_zero(Pass& pass) {
  const auto& route = pass.w.route;
  if (pass.run().route.empty() || !route) return true;
  const auto split = split_of(pass);
  const auto percent = traffic::canary_percent(route->rules, split);
  if (!percent) return true;
  const std::string left = retreat_mark(pass);
  if (*percent > 0 || mark(route->meta.annotations, marks::kRetreat).empty()) {
    // Rules that somebody else edited meanwhile are kept; only the canary is taken out.
    const auto written = rules_at(pass, *percent);
    const bool ours = written && route->rules == *written;
    const auto zero = ours ? rules_at(pass, 0) : Expected<Json>(traffic::without_canary(route->rules, split));
    patch_route(pass, zero ? *zero : traffic::without_canary(route->rules, split), 0, {{marks::kRetreat, left}});
    return false;
  }
  return true;
}

void no_traffic(Pass& pass) {
  Run& run = pass.run();
  const model::ReplicaSet* stable = find_set(pass.w, run.stable);
  const bool zero = weight_is_zero(pass);
  const bool pin_needed = run.route.empty() || !all_pinned_to(pass.w, run.stable_hash);
  const bool anything_pinned = !all_pinned_to(pass.w, "");
  bool pinned = true;
  const model::ReplicaSet* canary = find_set(pass.w, run.canary);
  if (pin_needed && (anything_pinned || (canary != nullptr && canary->replicas > 0)) && stable != nullptr && pass.w.deployment) {
    if (mark(pass.w.deployment->meta.annotations, marks::kPinned).empty()) {
      pass.effect(
          PatchDeployment{{{marks::kPinned, run_name(pass)}}, std::nullopt, std::nullopt, pass.w.deployment->meta.resource_version});
      pinned = false;
    } else {
      pinned = pin_all(pass, run.stable_hash);
    }
  }
  run.max_weight = std::max(run.max_weight, run.weight);  // it may have been written and never reported back to us
  run.weight = 0;
  if (!zero || !pinned) {
    run.settle_until.reset();
    return;
  }
  if (run.route.empty() ? (stable != nullptr && anything_pinned && !services_follow(pass, *stable))
                        : (pass.w.route && joined(pass.w) && !route_observed(pass)))
    return;
  if (!run.route.empty() && stable != nullptr && anything_pinned && !services_follow(pass, *stable)) return;
  run.weight_observed = 0;
  const bool had_traffic = run.max_weight > 0 || run.route.empty();
  if (had_traffic && canary != nullptr && !pass.settled()) return;
  pass.enter(Stage::Retreating, kNoPods);
}

void no_pods(Pass& pass) {
  const model::ReplicaSet* canary = find_set(pass.w, pass.run().canary);
  const bool ours = canary != nullptr && mark(canary->meta.annotations, marks::kUid) == pass.rollout().meta.uid &&
                    !(pass.w.deployment && canary->owned_by(pass.w.deployment->meta.uid));
  if (ours) {
    if (canary->replicas > 0) {
      // A pin that somebody took away meanwhile: the Service sends requests to these very pods.
      const bool pins_hold = all_pinned_to(pass.w, pass.run().stable_hash) || find_set(pass.w, pass.run().stable) == nullptr;
      if (!pins_hold && pass.w.deployment) return pass.enter(Stage::Retreating, kNoTraffic);
      pass.effect(ScaleReplicaSet{canary->meta.name, 0, canary->meta.resource_version});
      return;
    }
    if (canary->status.replicas > 0 || !pods_of(pass.w, *canary).empty()) {
      pass.say("the canary's pods are going: " + std::to_string(pods_of(pass.w, *canary).size()) + " left");
      return;
    }
  }
  pass.run().canary_ready = 0;
  pass.enter(Stage::Retreating, keeps_route(pass) ? kNothingLeft : kRouteBack);
}

void route_back(Pass& pass) {
  if (pass.run().route.empty() || !pass.w.route) return pass.enter(Stage::Retreating, kNoPins);
  const bool was_joined = joined(pass.w);
  if (!route_restored(pass)) return;
  if ((was_joined || pass.run().max_weight > 0) && !pass.settled()) return;
  pass.enter(Stage::Retreating, kNoPins);
}

void no_pins(Pass& pass) {
  if (pin_all(pass, "")) pass.enter(Stage::Retreating, kNothingLeft);
}

void nothing_left(Pass& pass) {
  const World& w = pass.w;
  const model::ReplicaSet* canary = find_set(w, pass.run().canary);
  bool left = false;
  if (canary != nullptr && mark(canary->meta.annotations, marks::kUid) == pass.rollout().meta.uid &&
      !(w.deployment && canary->owned_by(w.deployment->meta.uid))) {
    left = true;
    if (pass.run().borrowed && w.deployment) pass.effect(ReturnReplicaSet{canary->meta.name, canary->meta.resource_version});
    else if (!canary->meta.deletion_time) pass.effect(DeleteReplicaSet{canary->meta.name, canary->meta.uid});
  }
  if (!keeps_route(pass) && w.canary_service && mark(w.canary_service->meta.annotations, marks::kUid) == pass.rollout().meta.uid) {
    left = true;
    if (!w.canary_service->meta.deletion_time) pass.effect(DeleteCanaryService{w.canary_service->meta.name, w.canary_service->meta.uid});
  }
  if (!left) pass.enter(Stage::Retreating, kEnd);
}

void end(Pass& pass) {
  const World& w = pass.w;
  Run& run = pass.run();
  if (keeps_route(pass) && w.route && !mark(w.route->meta.annotations, marks::kRetreat).empty()) {
    patch_route(pass, w.route->rules, 0, {{marks::kRetreat, std::nullopt}});
    return;
  }
  if (w.deployment && !keeps_route(pass)) {
    const model::Deployment& d = *w.deployment;
    const auto& marks_now = d.meta.annotations;
    // The template may have been edited again since the run was cancelled: then it stays held, as the next run's.
    const model::ReplicaSet* stable = find_set(w, run.stable);
    const bool serves = stable != nullptr && stable->template_digest == d.template_digest;
    const bool release = run.outcome == Outcome::Cancelled && serves && d.paused && w.settings.gate_by_policy;
    if (release || marks_now.count(marks::kPinned) || marks_now.count(marks::kHandover) || marks_now.count(marks::kRun)) {
      PatchDeployment patch{{{marks::kPinned, std::nullopt}, {marks::kHandover, std::nullopt}, {marks::kRun, std::nullopt}},
                            std::nullopt,
                            std::nullopt,
                            d.meta.resource_version};
      if (release) {
        patch.annotations[marks::kHeld] = std::nullopt;
        patch.paused = false;
      }
      pass.effect(std::move(patch));
      return;
    }
  }
  const bool next_run = run.outcome == Outcome::Superseded && w.deployment && !pass.rollout().deleting();
  const Run ended = run;
  end_run(pass);
  if (!next_run) return;
  const model::ReplicaSet* stable = find_set(w, ended.stable);
  if (stable == nullptr) return;
  // Pins and route stay, so the next canary is created behind them.
  start_run(pass, *stable, ended.route.empty() ? Stage::Creating : Stage::Pinning);
  pass.run().service = ended.service;
  pass.run().route = ended.route;
}

}  // namespace

void retreat(Pass& pass, Outcome outcome, std::string reason, std::string why) {
  Run& run = pass.run();
  run.outcome = outcome;
  run.why = std::move(why);
  pass.event(std::move(reason),
             "run " + std::to_string(run.revision) + ": " + run.why + "; all traffic goes back to ReplicaSet " + run.stable,
             outcome == Outcome::RolledBack);
  pass.enter(Stage::Retreating, kNoTraffic);
  pass.act_before_note();
  retreating(pass);
  pass.set_retreated();
  pass.look_again(pass.now);
}

void retreating(Pass& pass) {
  pass.phase(Phase::RollingBack, pass.run().outcome ? model::text(*pass.run().outcome) : "Retreating");
  pass.say(pass.run().why, "all traffic back to ReplicaSet " + pass.run().stable);
  reconsider(pass);
  switch (pass.run().part) {
    case kNoTraffic: return no_traffic(pass);
    case kNoPods: return no_pods(pass);
    case kRouteBack: return route_back(pass);
    case kNoPins: return no_pins(pass);
    case kNothingLeft: return nothing_left(pass);
    default: return end(pass);
  }
}

void end_run(Pass& pass) {
  const Run run = *pass.next.run;
  const Outcome outcome = run.outcome.value_or(Outcome::RolledBack);
  model::HistoryEntry entry{run.revision, model::text(outcome), run.why, run.started, pass.now, run.max_weight, 0, ""};
  for (const auto& slo : run.slos) {
    const double excess = (slo.canary - slo.baseline) * slo.canary_requests;
    if (slo.verdict != "Breach" || outcome != Outcome::RolledBack) continue;
    entry.excess_failures = std::max({entry.excess_failures, 0.0, excess});
    if (entry.breach.empty()) entry.breach = slo.name;
  }
  pass.next.history.insert(pass.next.history.begin(), entry);
  if (pass.next.history.size() > static_cast<std::size_t>(pass.rollout().history_limit))
    pass.next.history.resize(static_cast<std::size_t>(pass.rollout().history_limit));
  if (refuses_template(run)) {
    pass.next.refused_digest = run.template_digest;
    pass.next.refused_why = run.why;
    pass.phase(Phase::RolledBack, "RolledBack");
    pass.event("RolledBack", "run " + std::to_string(run.revision) + " is rolled back completely: " + run.why, true);
  }
  pass.next.run.reset();
  pass.look_again(pass.now);
}

}  // namespace sluice::engine
