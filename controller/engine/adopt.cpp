// No run is on: adopt the Deployment, detect a held template, wait for people, leave.
#include "controller/engine/look.h"
#include "controller/engine/pass.h"
#include "controller/model/marks.h"

namespace sluice::engine {

namespace marks = model::marks;

namespace {

// No Deployment's progress may be declared failed while it is paused between runs (Pause gate).
constexpr int kNoDeadline = 2147483647;

void invalid(Pass& pass, std::string reason, std::string why, std::string cure) {
  if (pass.next.phase != Phase::Invalid || pass.next.summary != why) pass.event("Invalid", why + "; " + cure, true);
  pass.phase(Phase::Invalid, std::move(reason));
  pass.say(std::move(why), std::move(cure));
}

// What must be there before the Deployment may be managed; false if something is missing.
bool references_are_good(Pass& pass) {
  const World& w = pass.w;
  const model::Rollout& r = pass.rollout();
  const std::string heals = "Sluice goes on by itself when it is there";
  if (!r.invalid.empty()) return invalid(pass, "InvalidSpec", r.invalid, "correct the field and apply again"), false;
  if (!w.deployment) {
    return invalid(pass, "TargetNotFound", "spec.targetRef.name: Deployment " + r.target + " does not exist in namespace " + r.meta.ns,
                   heals),
           false;
  }
  if (!w.rival.empty())
    return invalid(pass, "TargetTaken", "spec.targetRef.name: Deployment " + r.target + " is already managed by Rollout " + w.rival,
                   "delete one of the two Rollouts"),
           false;
  if (w.deployment->selector_has_expressions)
    return invalid(pass, "UnsupportedSelector", "Deployment " + r.target + " selects its pods with matchExpressions",
                   "use matchLabels only"),
           false;
  if (!w.service)
    return invalid(pass, "ServiceNotFound", "spec.traffic.service: Service " + r.service + " does not exist in namespace " + r.meta.ns,
                   heals),
           false;
  if (!w.service->covers(w.deployment->template_labels))
    return invalid(pass, "ServiceMismatch",
                   "spec.traffic.service: the selector of Service " + r.service + " does not match the pods of Deployment " + r.target,
                   "name the Service that is in front of the Deployment"),
           false;
  for (const FrontService& front : w.services)
    if (front.service.meta.name == r.service && front.selects_strangers)
      return invalid(pass, "ServiceShared",
                     "spec.traffic.service: Service " + r.service + " also selects pods that are not of Deployment " + r.target,
                     "give the Deployment a Service of its own"),
             false;
  if (r.ratio_mode()) return true;
  if (!w.route)
    return invalid(pass, "RouteNotFound", "spec.traffic.httpRoute.name: HTTPRoute " + r.route + " does not exist in namespace " + r.meta.ns,
                   heals),
           false;
  const traffic::Split split{r.meta.ns, r.service, canary_service_name(r.service), r.rules};
  if (!traffic::names(w.route->rules, split, r.service))
    return invalid(pass, "RouteMismatch", "spec.traffic.httpRoute: no rule of HTTPRoute " + r.route + " names Service " + r.service,
                   "name the Service in a backendRef, or correct traffic.httpRoute.rules"),
           false;
  if (!r.analysis.slos.empty() && r.analysis.address.empty() && w.settings.prometheus.empty())
    return invalid(pass, "NoPrometheus", "spec.analysis.prometheus.address is empty and the operator has no --prometheus",
                   "set one of the two"),
           false;
  return true;
}

bool marked(const Pass& pass) { return mark(pass.w.deployment->meta.annotations, marks::kRollout) == pass.rollout().meta.name; }

// Marks the Deployment once it serves from exactly one ReplicaSet.
void take_over(Pass& pass) {
  const model::Deployment& d = *pass.w.deployment;
  pass.phase(Phase::Initializing, "Adopting");
  if (d.paused && pass.w.settings.gate_by_policy) {
    pass.say("Deployment " + d.meta.name + " is paused by somebody else, so it cannot be adopted",
             "run: kubectl rollout resume deployment/" + d.meta.name + " -n " + d.meta.ns);
    return;
  }
  if (!d.complete() || find_stable(pass.w) == nullptr) {
    pass.say("waiting for Deployment " + d.meta.name + " to be complete: " + std::to_string(d.status.available) + " of " +
             plural(d.replicas, "replica") + " updated and available");
    return;
  }
  PatchDeployment patch{{{marks::kRollout, pass.rollout().meta.name}}, std::nullopt, std::nullopt, d.meta.resource_version};
  if (!pass.w.settings.gate_by_policy) {
    patch.paused = true;
    if (d.progress_deadline_seconds != kNoDeadline) {
      patch.progress_deadline_seconds = kNoDeadline;
      patch.annotations[marks::kProgressDeadline] = std::to_string(d.progress_deadline_seconds);
    }
  }
  pass.effect(std::move(patch));
  pass.next.stable_replica_set = find_stable(pass.w)->meta.name;
  if (pass.w.hazards) pass.next.warnings = *pass.w.hazards;
  pass.say("Deployment " + d.meta.name + " is adopted");
  std::string message = "Deployment " + d.meta.name + " is adopted: its next template goes through a canary";
  for (const std::string& hazard : pass.next.warnings) message += "; warning: " + hazard;
  pass.event("RolloutAdopted", message, !pass.next.warnings.empty());
}

void healthy(Pass& pass, const model::ReplicaSet& stable) {
  pass.next.stable_replica_set = stable.meta.name;
  pass.next.refused_digest.clear();
  pass.next.refused_why.clear();
  pass.phase(Phase::Healthy, "Healthy");
  pass.say("ReplicaSet " + stable.meta.name + " serves, with the template that is wanted");
}

// The API server, or we between runs, hold the Deployment's present template back.
void held(Pass& pass) {
  const model::Deployment& d = *pass.w.deployment;
  const model::ReplicaSet* stable = find_stable(pass.w);
  if (stable == nullptr) {
    const auto active = active_sets(pass.w);
    pass.phase(Phase::Progressing, "TwoActiveReplicaSets");
    if (active.size() < 2) return pass.say("waiting for the one ReplicaSet that serves");
    // The one that is known to be good stays; where none is known, the older.
    const bool newest_is_good = active.front()->meta.name == pass.next.stable_replica_set;
    const model::ReplicaSet& unwanted = newest_is_good ? *active.back() : *active.front();
    pass.say("the template was edited while a native rolling update was still on; ReplicaSet " + unwanted.meta.name +
             " is scaled to 0 first");
    pass.effect(ScaleReplicaSet{unwanted.meta.name, 0, unwanted.meta.resource_version});
    return;
  }
  const bool same = stable->template_digest == d.template_digest;
  if (same || d.replicas == 0) {
    const std::string mark_held = mark(d.meta.annotations, marks::kHeld);
    if (pass.w.settings.gate_by_policy || !mark_held.empty() || !d.meta.annotations.count(marks::kRollout)) {
      // Nothing to prove: the template is the one that serves already, or nothing serves.
      PatchDeployment release{
          {{marks::kHeld, std::nullopt}, {marks::kRun, std::nullopt}}, std::nullopt, std::nullopt, d.meta.resource_version};
      if (pass.w.settings.gate_by_policy || !same) release.paused = false;
      pass.effect(std::move(release));
    }
    return healthy(pass, *stable);
  }
  pass.next.stable_replica_set = stable->meta.name;
  if (d.template_digest == pass.next.refused_digest) {
    pass.phase(Phase::RolledBack, "RolledBack");
    pass.say(pass.next.refused_why,
             "edit the template, or create a RolloutAction with action Retry; production runs on ReplicaSet " + stable->meta.name);
    return;
  }
  if (pass.rollout().paused) {
    pass.phase(Phase::Paused, "Paused");
    pass.say("a new template is held back, and spec.paused is true", "set spec.paused to false");
    return;
  }
  start_run(pass, *stable, pass.rollout().ratio_mode() ? Stage::Creating : Stage::Pinning);
}

}  // namespace

void adopt(Pass& pass) {
  const World& w = pass.w;
  if (!references_are_good(pass)) return;
  if (!pass.rollout().has_finalizer()) {
    pass.effect(AddFinalizer{});
    pass.phase(Phase::Initializing, "Adopting");
    pass.say("adopting Deployment " + pass.rollout().target);
    return;
  }
  if (!marked(pass)) return take_over(pass);
  const model::Deployment& d = *w.deployment;
  if (d.paused) return held(pass);
  const model::ReplicaSet* stable = find_stable(w);
  if (d.complete() && stable != nullptr && stable->template_digest == d.template_digest) {
    if (!w.settings.gate_by_policy) return take_over(pass);
    if (d.meta.annotations.count(marks::kHeld) || d.meta.annotations.count(marks::kPinned) || d.meta.annotations.count(marks::kHandover))
      pass.effect(PatchDeployment{
          {{marks::kHeld, std::nullopt}, {marks::kPinned, std::nullopt}, {marks::kHandover, std::nullopt}, {marks::kRun, std::nullopt}},
          std::nullopt,
          std::nullopt,
          d.meta.resource_version});
    if (w.hazards) pass.next.warnings = *w.hazards;
    return healthy(pass, *stable);
  }
  pass.phase(Phase::Progressing, "NativeRollout");
  pass.say("Deployment " + d.meta.name + " is not paused and rolls by itself (" + std::to_string(d.status.updated) + " of " +
           plural(d.replicas, "replica") + " updated): after a scaling, or because the gate was broken");
}

void leave(Pass& pass) {
  const World& w = pass.w;
  pass.phase(Phase::Initializing, "Leaving");
  pass.say("leaving Deployment " + pass.rollout().target);
  if (!pass.rollout().has_finalizer()) return;
  if (w.deployment && marked(pass) && w.rival.empty()) {
    const model::Deployment& d = *w.deployment;
    const model::ReplicaSet* stable = find_stable(w);
    PatchDeployment patch{{{marks::kRollout, std::nullopt},
                           {marks::kHeld, std::nullopt},
                           {marks::kRun, std::nullopt},
                           {marks::kPinned, std::nullopt},
                           {marks::kHandover, std::nullopt},
                           {marks::kProgressDeadline, std::nullopt}},
                          std::nullopt,
                          std::nullopt,
                          d.meta.resource_version};
    const std::string deadline = mark(d.meta.annotations, marks::kProgressDeadline);
    if (!deadline.empty() && deadline.size() < 10 && deadline.find_first_not_of("0123456789") == std::string::npos)
      patch.progress_deadline_seconds = std::stoi(deadline);
    if (d.paused && stable != nullptr && stable->template_digest == d.template_digest) {
      patch.paused = false;
    } else if (d.paused) {
      pass.event("RolloutLeft",
                 "Deployment " + d.meta.name +
                     " stays paused on a template that was not proven; to roll it out anyway: kubectl rollout "
                     "resume deployment/" +
                     d.meta.name + " -n " + d.meta.ns,
                 true);
    }
    pass.effect(std::move(patch));
  }
  pass.effect(RemoveFinalizer{});
}

void start_run(Pass& pass, const model::ReplicaSet& stable, Stage stage) {
  const model::Rollout& r = pass.rollout();
  Run run;
  run.revision = ++pass.next.revision;
  run.template_digest = pass.w.deployment->template_digest;
  run.plan_digest = r.plan_digest;
  run.stable = stable.meta.name;
  run.stable_hash = stable.hash;
  run.service = r.service;
  run.route = r.route;
  run.step = 1;
  run.started = pass.now;
  pass.next.run = run;
  pass.next.stable_replica_set = stable.meta.name;
  pass.next.refused_digest.clear();
  pass.next.refused_why.clear();
  pass.enter(stage);
  pass.phase(Phase::Progressing, "RunStarted");
  pass.say("a new template is held back and goes through a canary");
  pass.event("RunStarted", "run " + std::to_string(run.revision) + ": a new template of Deployment " + r.target +
                               " is held back; ReplicaSet " + stable.meta.name + " goes on serving");
}

}  // namespace sluice::engine
