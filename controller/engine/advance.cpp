// A run goes up: pin, create, join, step.
#include <algorithm>

#include "controller/engine/gateway.h"
#include "controller/engine/look.h"
#include "controller/engine/pass.h"
#include "controller/engine/share.h"
#include "controller/model/marks.h"

namespace sluice::engine {

namespace marks = model::marks;

namespace {

// The Service that the canary's pods must be reachable through.
std::string canary_front(const Run& run) { return run.route.empty() ? run.service : canary_service_name(run.service); }

bool belongs_to_run(const Pass& pass, const model::ReplicaSet& set) {
  return mark(set.meta.annotations, marks::kUid) == pass.rollout().meta.uid;
}

void pinning(Pass& pass) {
  const model::Deployment& d = *pass.w.deployment;
  pass.phase(Phase::Progressing, "Pinning");
  pass.say("pinning the Services to ReplicaSet " + pass.run().stable + " before a canary exists");
  if (mark(d.meta.annotations, marks::kPinned) != run_name(pass)) {
    pass.effect(PatchDeployment{
        {{marks::kPinned, run_name(pass)}, {marks::kRun, run_name(pass)}}, std::nullopt, std::nullopt, d.meta.resource_version});
    return;  // no pin before the mark that keeps the Deployment paused (invariant I12)
  }
  if (pin_all(pass, pass.run().stable_hash)) pass.enter(Stage::Creating);
}

// A Deployment scaled in the moment of an edit may have grown nothing of its own yet; only history or we make a canary.
bool ensure_canary(Pass& pass) {
  Run& run = pass.run();
  const int replicas = step_replicas(pass, 1);
  if (run.canary.empty()) {
    const model::ReplicaSet* old = find_in_history(pass.w);
    run.borrowed = old != nullptr && old->meta.name != run.stable;
    run.canary =
        run.borrowed ? old->meta.name : canary_set_name(pass.rollout().target, pass.rollout().meta.uid, run.template_digest, run.revision);
    run.canary_desired = replicas;
    pass.checkpoint();  // a name in the status before the object exists: nothing of ours is ever forgotten
  }
  const model::ReplicaSet* canary = find_set(pass.w, run.canary);
  if (canary != nullptr && belongs_to_run(pass, *canary) && !(pass.w.deployment && canary->owned_by(pass.w.deployment->meta.uid)))
    return true;
  if (canary == nullptr && run.borrowed) {
    run.canary.clear();  // history was pruned meanwhile
    return pass.look_again(pass.now), false;
  }
  if (canary == nullptr) {
    pass.effect(CreateCanary{run.canary, replicas, run.template_digest, run.revision});
  } else if (run.borrowed) {
    pass.effect(BorrowReplicaSet{canary->meta.name, replicas, run.revision, canary->meta.resource_version});
  } else {
    pass.phase(Phase::Holding, "NameTaken");
    pass.say("ReplicaSet " + run.canary + " exists and is not of this Rollout", "delete or rename it");
  }
  return false;
}

void creating(Pass& pass) {
  pass.phase(Phase::Progressing, "CreatingCanary");
  pass.say("creating the canary");
  if (!ensure_canary(pass)) return;
  const model::ReplicaSet& canary = *find_set(pass.w, pass.run().canary);
  if (!ensure_canary_service(pass, canary)) return;
  if (pods_failed(pass, canary)) return;
  const int replicas = step_replicas(pass, 1);
  if (!capacity(pass, canary, replicas, canary_front(pass.run()))) return;
  pass.event("CanaryReady", plural(replicas, "canary pod") + " of ReplicaSet " + canary.meta.name + " available");
  pass.enter(pass.run().route.empty() ? Stage::Stepping : Stage::Joining);
}

// The canary is part of the route, at weight 0.
bool ensure_joined(Pass& pass) {
  if (!pass.w.route) return route_at(pass, 0);  // says so
  const model::HttpRoute& route = *pass.w.route;
  const auto split = split_of(pass);
  if (joined(pass.w)) return true;
  const Json base = traffic::without_canary(route.rules, split);
  const auto rules = traffic::with_canary(base, split, 0);
  if (!rules) {
    pass.phase(Phase::Holding, "RouteMismatch");
    pass.say("HTTPRoute " + route.meta.name + ": " + rules.error().message, "correct the route");
    return false;
  }
  patch_route(pass, *rules, 0, {{marks::kOriginal, base.dump()}, {marks::kRetreat, std::nullopt}});
  pass.run().weight_observed = 0;
  return false;
}

void joining(Pass& pass) {
  pass.phase(Phase::Progressing, "JoiningRoute");
  pass.say("the canary joins HTTPRoute " + pass.run().route + " at weight 0, so that the gateway knows it before it gets traffic");
  const model::ReplicaSet* canary = find_set(pass.w, pass.run().canary);
  if (canary == nullptr) return pass.enter(Stage::Creating);
  if (pods_failed(pass, *canary) || !ensure_canary_service(pass, *canary)) return;
  if (!ensure_joined(pass)) return;
  if (!route_observed(pass)) return void(pass.run().settle_until.reset());
  if (!pass.settled()) return;
  pass.enter(Stage::Stepping);
}

int last_below_full(const model::Rollout& rollout) {
  int number = 0;
  for (std::size_t i = 0; i < rollout.steps.size(); ++i)
    if (rollout.steps[i].weight < 100) number = static_cast<int>(i) + 1;
  return number;
}

enum class Proof { Proven, Waiting, Decided };

Proof proof_of_last_step(Pass& pass);

// Every reason not to leave the present step yet, in words; "" if it may be left.
std::string reason_to_stay(Pass& pass, const model::Step& step) {
  const Run& run = pass.run();
  const auto& analysis = pass.rollout().analysis;
  if (run.hold_until && pass.now < *run.hold_until) {
    pass.look_again(*run.hold_until);
    return "step " + std::to_string(run.step) + " holds until " + format_time(*run.hold_until);
  }
  if (step.weight == 0 || analysis.slos.empty()) return "";
  if (run.no_data_since) return "no data since " + format_time(*run.no_data_since) + ": " + run.missing;
  for (const auto& slo : run.slos) {
    if (slo.verdict == "Hold") return "suspicion against the canary: " + slo.message;
    if (slo.canary_requests < analysis.min_requests)
      return std::to_string(static_cast<long>(slo.canary_requests)) + " of at least " +
             std::to_string(static_cast<long>(analysis.min_requests)) + " canary requests seen";
  }
  if (run.slos.empty()) return "no sample was judged yet";
  return "";
}

bool proven(const Run& run) {
  return !run.slos.empty() && std::all_of(run.slos.begin(), run.slos.end(), [](const auto& s) { return s.verdict == "Pass"; });
}

// Before the last step below 100 % may be left the canary must be proven, or the time for it be over.
Proof proof_of_last_step(Pass& pass) {
  Run& run = pass.run();
  const auto& analysis = pass.rollout().analysis;
  constexpr int kMinTicks = 20;
  if (analysis.slos.empty()) {
    const Time baked = *run.step_started + analysis.min_bake;
    if (pass.now >= baked) return Proof::Proven;
    pass.look_again(baked);
    pass.say("the pods are watched until " + format_time(baked) + " (minBake); no SLO is given");
    return Proof::Waiting;
  }
  const bool baked = run.baked >= analysis.min_bake && run.baked_ticks >= kMinTicks;
  if (baked && proven(run)) return Proof::Proven;
  if (run.judged >= analysis.max_duration) {
    const std::string why =
        "inconclusive: after " + format_duration(run.judged) + " (maxDuration) the canary is neither proven good nor bad";
    if (analysis.on_inconclusive == model::OnInconclusive::Rollback) {
      retreat(pass, Outcome::RolledBack, "Inconclusive", why);
      return Proof::Decided;
    }
    const bool no_harm = std::none_of(run.slos.begin(), run.slos.end(), [](const auto& s) { return s.evidence >= 1; });
    if (analysis.on_inconclusive == model::OnInconclusive::Promote && no_harm) {
      pass.event("Inconclusive", why + "; promoted all the same (onInconclusive: Promote), NOT proven", true);
      return Proof::Proven;
    }
    if (!run.inconclusive) pass.event("Inconclusive", why + "; waiting for a RolloutAction Promote or Abort", true);
    run.inconclusive = true;
    pass.phase(Phase::Holding, "Inconclusive");
    pass.say(why, "create a RolloutAction with action Promote or Abort");
    return Proof::Waiting;
  }
  if (run.baked < analysis.min_bake || run.baked_ticks < kMinTicks)
    pass.say("judged for " + format_duration(run.baked) + " of at least " + format_duration(analysis.min_bake) + " (minBake), " +
             std::to_string(run.baked_ticks) + " of at least " + std::to_string(kMinTicks) + " ticks");
  else pass.say("no harm seen, but not yet proven within the margin; needs more requests");
  return Proof::Waiting;
}

void step_up(Pass& pass) {
  Run& run = pass.run();
  run.step += 1;
  run.step_started.reset();
  run.hold_until.reset();
  run.tick_from.reset();
  run.tick_tried.reset();
  pass.look_again(pass.now);
}

// Route mode: without its pin a Service would send its share to the canary's pods, too.
void keep_pins(Pass& pass) {
  if (pass.run().route.empty() || pin_all(pass, pass.run().stable_hash)) return;
  pass.event("ServiceDrifted", "a Service was written by somebody else and is pinned again to ReplicaSet " + pass.run().stable, true);
}

void stepping(Pass& pass) {
  Run& run = pass.run();
  const auto& steps = pass.rollout().steps;
  const int count = static_cast<int>(steps.size());
  run.step = std::clamp(run.step, 1, count);
  if (run.no_data_since) pass.phase(Phase::Holding, "NoData");
  else pass.phase(Phase::Progressing, "Stepping");
  const model::ReplicaSet* canary = find_set(pass.w, run.canary);
  if (canary == nullptr) {
    if (run.weight == 0) return pass.enter(Stage::Creating);
    return retreat(pass, Outcome::RolledBack, "PodsFailed", "the canary ReplicaSet " + run.canary + " was deleted");
  }
  if (run.route.empty() && all_pinned_to(pass.w, run.stable_hash) && !pinnable(pass.w).empty())
    return retreat(pass, Outcome::RolledBack, "SLOBreached", "a retreat had begun");
  if (pods_failed(pass, *canary) || pods_lost(pass, *canary)) return;
  keep_pins(pass);
  if (!ensure_canary_service(pass, *canary)) return;
  if (run.promote) return pass.enter(Stage::Filling);

  const model::Step& step = steps[static_cast<std::size_t>(run.step) - 1];
  if (!run.step_started && pass.rollout().paused) {
    run.progress_deadline.reset();  // it does not run in a pause
    pass.phase(Phase::Paused, "Paused");
    return pass.say("paused before step " + std::to_string(run.step) + " of " + std::to_string(count), "set spec.paused to false");
  }
  if (!capacity(pass, *canary, step_replicas(pass, run.step), canary_front(run))) return;
  run.weight = step.weight;
  if (!run.route.empty()) {
    // The step is in the status before the weight is on the route (invariant I1).
    if (run.weight_observed != step.weight) pass.checkpoint();
    if (!route_at(pass, step.weight)) return;
  } else if (run.weight_observed != step.weight) {
    run.weight_observed = step.weight;
    run.max_weight = std::max(run.max_weight, step.weight);
    pass.event("TrafficShifted", plural(run.canary_desired, "canary pod") + " beside " + plural(pass.w.deployment->replicas, "stable pod") +
                                     " take their share of Service " + run.service);
  }
  if (!run.step_started) {
    run.step_started = pass.now;
    run.hold_until = pass.now + step.hold;
  }
  const std::string place =
      "step " + std::to_string(run.step) + " of " + std::to_string(count) + ", " + std::to_string(step.weight) + "% to the canary";
  const std::string stay = reason_to_stay(pass, step);
  if (!stay.empty()) {
    return pass.say(place + ": " + stay,
                    run.step < count ? "then " + std::to_string(steps[static_cast<std::size_t>(run.step)].weight) + "%" : "then promotion");
  }
  pass.say(place, "");
  const int proof_step = last_below_full(pass.rollout());
  if (run.step == proof_step) {
    const Proof proof = proof_of_last_step(pass);
    if (proof == Proof::Decided) return;
    if (proof == Proof::Waiting) {
      pass.next.summary = place + ": " + pass.next.summary;
      return;
    }
    if (share_holds(pass)) {
      pass.phase(Phase::Holding, kShareMismatch);
      return pass.say(place + ": " + run.share_mismatch + " The arms cannot be compared, so nothing is promoted by itself",
                      "create a RolloutAction with action Promote or Abort; for later runs end the cause or set "
                      "analysis.onShareMismatch to Report");
    }
  }
  if (pass.rollout().paused) {
    pass.phase(Phase::Paused, "Paused");
    return pass.say(place + ": done, but spec.paused is true", "set spec.paused to false");
  }
  if (run.step >= count) return pass.enter(Stage::Filling);
  step_up(pass);
}

}  // namespace

void advance(Pass& pass) {
  switch (pass.run().stage) {
    case Stage::Pinning: return pinning(pass);
    case Stage::Creating: return creating(pass);
    case Stage::Joining: return joining(pass);
    default: return stepping(pass);
  }
}

}  // namespace sluice::engine
