// A proven run: the very pods that were analysed become the Deployment's.
//
//   Filling    the canary grows to the Deployment's size; settle
//   Switching  weight 100; observed; settle | Services pinned to the canary; endpoints; settle
//   Draining   weight 0 (V is the canary now); observed; settle | route as it was; observed; settle
//   Moving     last check; owner reference; the Deployment lets its old pods go | no pins, no canary Service
//   Releasing  marks away, unpaused, complete
// Until the owner reference has moved the old ReplicaSet stays full, and losing canary pods leads back to it.
// Capacity Rolling: no Filling; pins off, route back, move, release, and the Deployment's own strategy finishes.
#include <algorithm>

#include "controller/engine/gateway.h"
#include "controller/engine/look.h"
#include "controller/engine/pass.h"
#include "controller/model/marks.h"

namespace sluice::engine {

namespace marks = model::marks;

namespace {

// The Deployment's controller lets S go within half a second; if it was scaled in that moment it does not, and we do.
constexpr Duration kPatienceWithController{2'000};

bool rolling(const Pass& pass) { return pass.rollout().rolling_capacity; }

const model::ReplicaSet* canary_of(const Pass& pass) { return find_set(pass.w, pass.run().canary); }

bool owned_by_target(const Pass& pass, const model::ReplicaSet& set) {
  return pass.w.deployment && set.owned_by(pass.w.deployment->meta.uid);
}

// Marks that must stand before the Services move; true once they do.
bool marked_for_hand_over(Pass& pass) {
  const model::Deployment& d = *pass.w.deployment;
  if (mark(d.meta.annotations, marks::kHandover) == run_name(pass) && !mark(d.meta.annotations, marks::kPinned).empty()) return true;
  pass.effect(PatchDeployment{{{marks::kHandover, run_name(pass)}, {marks::kPinned, run_name(pass)}, {marks::kRun, run_name(pass)}},
                              std::nullopt,
                              std::nullopt,
                              d.meta.resource_version});
  return false;
}

void filling(Pass& pass, const model::ReplicaSet& canary) {
  const Run& run = pass.run();
  if (rolling(pass)) return pass.enter(Stage::Switching);
  if (pass.rollout().paused) {
    pass.phase(Phase::Paused, "Paused");
    return pass.say("proven, but spec.paused is true", "set spec.paused to false");
  }
  pass.say("the canary is proven and grows to " + plural(pass.w.deployment->replicas, "replica"), "then it is handed over");
  const std::string front = run.route.empty() ? run.service : canary_service_name(run.service);
  if (!capacity(pass, canary, std::max(1, pass.w.deployment->replicas), front)) return;
  if (!run.route.empty() && !route_at(pass, run.weight_observed)) return;
  if (pass.settled()) pass.enter(Stage::Switching);
}

// Rolling: the Services go back to the plain selector, which covers both sets, and the route to what it was.
void switching_rolling(Pass& pass) {
  if (pass.run().part == 0) {
    if (!pin_all(pass, "")) return;
    if (pass.settled()) pass.enter(Stage::Draining);
  }
}

void switching(Pass& pass, const model::ReplicaSet& canary) {
  Run& run = pass.run();
  pass.say("all traffic moves to the canary, which is proven", "then the Deployment takes its pods over");
  if (rolling(pass)) return switching_rolling(pass);
  if (run.part == 0) {
    if (!run.route.empty()) {
      run.weight = 100;
      if (!route_at(pass, 100)) return void(run.settle_until.reset());
      if (!pass.settled()) return;
    }
    return pass.enter(Stage::Switching, 1);
  }
  if (!marked_for_hand_over(pass)) return;
  if (!pin_all(pass, canary.hash) || !services_follow(pass, canary)) return void(run.settle_until.reset());
  if (pass.settled()) pass.enter(run.route.empty() ? Stage::Moving : Stage::Draining);
}

void draining(Pass& pass) {
  Run& run = pass.run();
  pass.say("the route goes back to what it was; Service " + run.service + " is the canary now");
  if (!pass.w.route || run.route.empty()) return pass.enter(Stage::Moving);
  if (run.part == 0) {
    const bool still_split = traffic::canary_percent(pass.w.route->rules, split_of(pass)).has_value();
    if (still_split && !route_at(pass, 0)) return void(run.settle_until.reset());
    if (pass.settled()) pass.enter(Stage::Draining, 1);
    return;
  }
  if (!route_restored(pass)) return void(run.settle_until.reset());
  if (pass.settled()) pass.enter(Stage::Moving);
}

// What the Deployment's controller keeps on its ReplicaSets; without the old set's mark it could shrink the canary instead.
// Source: protocol.md 8.3 and deploymentutil.SetReplicasAnnotations.
bool old_set_yields(Pass& pass, const model::ReplicaSet& stable) {
  constexpr const char* kYield = "1000000000";
  if (mark(stable.meta.annotations, marks::kMaxReplicas) == kYield) return true;
  pass.effect(AnnotateReplicaSet{stable.meta.name, {{marks::kMaxReplicas, kYield}}, stable.meta.resource_version});
  return false;
}

void move(Pass& pass, const model::ReplicaSet& canary) {
  const model::Deployment& d = *pass.w.deployment;
  pass.say("the canary's pods become those of Deployment " + d.meta.name);
  if (!marked_for_hand_over(pass)) return;
  if (!rolling(pass)) {
    if (!pin_all(pass, canary.hash)) return;
    const int full = std::max(1, d.replicas);
    if (!capacity(pass, canary, full, pass.run().service)) return;
    const model::ReplicaSet* stable = find_set(pass.w, pass.run().stable);
    if (stable != nullptr && owned_by_target(pass, *stable) && !old_set_yields(pass, *stable)) return;
  }
  pass.effect(MoveToDeployment{canary.meta.name, d.replicas, d.replicas + d.surge(), canary.meta.resource_version});
}

void moving(Pass& pass, const model::ReplicaSet& canary) {
  Run& run = pass.run();
  if (run.part == 0) {
    if (!owned_by_target(pass, canary)) return move(pass, canary);
    pass.event("HandedOver", plural(canary.status.ready, "pod") + " of ReplicaSet " + canary.meta.name +
                                 ", the very ones that were "
                                 "analysed, are now those of Deployment " +
                                 pass.rollout().target);
    return pass.enter(Stage::Moving, 1);
  }
  pass.say("the old pods are going");
  const model::ReplicaSet* old = find_set(pass.w, run.stable);
  if (!rolling(pass) && old != nullptr) {
    if (old->replicas > 0) {
      if (!run.settle_until) run.settle_until = pass.now + kPatienceWithController;
      if (pass.now >= *run.settle_until) pass.effect(ScaleReplicaSet{old->meta.name, 0, old->meta.resource_version});
      return pass.look_again(*run.settle_until);
    }
    if (!pods_of(pass.w, *old).empty()) return;
  }
  if (!pin_all(pass, "")) return;
  const auto& service = pass.w.canary_service;
  if (service && mark(service->meta.annotations, marks::kUid) == pass.rollout().meta.uid) {
    if (!service->meta.deletion_time) pass.effect(DeleteCanaryService{service->meta.name, service->meta.uid});
    return;
  }
  pass.enter(Stage::Releasing);
}

void releasing(Pass& pass) {
  Run& run = pass.run();
  const model::Deployment& d = *pass.w.deployment;
  const auto& annotations = d.meta.annotations;
  pass.say("Deployment " + d.meta.name + " is released");
  const bool edited = d.template_digest != run.template_digest;
  const bool by_policy = pass.w.settings.gate_by_policy;
  const bool marks_left = annotations.count(marks::kRun) || annotations.count(marks::kPinned) || annotations.count(marks::kHandover) ||
                          (!edited && annotations.count(marks::kHeld));
  const bool unpause = !edited && d.paused && (by_policy || (rolling(pass) && run.part == 0));
  if (marks_left || unpause) {
    PatchDeployment patch{{{marks::kRun, std::nullopt}, {marks::kPinned, std::nullopt}, {marks::kHandover, std::nullopt}},
                          std::nullopt,
                          std::nullopt,
                          d.meta.resource_version};
    if (!edited) patch.annotations[marks::kHeld] = std::nullopt;
    if (unpause) patch.paused = false;
    pass.effect(std::move(patch));
    return;
  }
  if (!edited && !d.complete()) {
    return pass.say("Deployment " + d.meta.name + " is released; " + std::to_string(d.status.available) + " of " +
                    plural(d.replicas, "replica") + " updated and available");
  }
  run.outcome = Outcome::Promoted;
  std::string why = "proven and handed over";
  for (const auto& slo : run.slos)
    if (!slo.message.empty()) why += "; " + slo.message;
  run.why = why;
  pass.next.stable_replica_set = run.canary;
  pass.event("Promoted", "run " + std::to_string(run.revision) + " is promoted: " + why);
  end_run(pass);
  pass.phase(Phase::Healthy, "Promoted");
}

}  // namespace

void hand_over(Pass& pass) {
  Run& run = pass.run();
  pass.phase(Phase::Promoting, "Promoting");
  const model::ReplicaSet* canary = canary_of(pass);
  if (!pass.w.deployment) {
    run.outcome = Outcome::Left;
    run.why = "the Deployment was deleted during the hand-over";
    pass.enter(Stage::Retreating);
    return;
  }
  if (run.stage == Stage::Releasing) return releasing(pass);
  if (canary == nullptr) {
    if (run.stage == Stage::Moving && run.part > 0) return pass.enter(Stage::Releasing);
    return retreat(pass, Outcome::RolledBack, "PodsFailed", "the canary ReplicaSet " + run.canary + " was deleted during the hand-over");
  }
  const bool moved = owned_by_target(pass, *canary);
  if (!moved && (pods_failed(pass, *canary) || pods_lost(pass, *canary))) return;
  const bool needs_service = run.stage == Stage::Filling || (run.stage == Stage::Switching && run.part == 0);
  if (needs_service && !rolling(pass) && !ensure_canary_service(pass, *canary)) return;
  switch (run.stage) {
    case Stage::Filling: return filling(pass, *canary);
    case Stage::Switching: return switching(pass, *canary);
    case Stage::Draining: return draining(pass);
    default: return moving(pass, *canary);
  }
}

}  // namespace sluice::engine
