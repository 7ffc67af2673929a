#include "controller/engine/decide.h"

#include <algorithm>

#include "controller/engine/look.h"
#include "controller/engine/pass.h"
#include "controller/model/marks.h"

namespace sluice::engine {
namespace {

bool broken_glass(const World& w) { return w.deployment && w.deployment->meta.annotations.count(model::marks::kBreakGlass) != 0; }

// What may end a run whatever stage it is in, as long as it can still retreat.
void watch_for_changes(Pass& pass) {
  const World& w = pass.w;
  const Run& run = pass.run();
  if (pass.rollout().deleting()) { return retreat(pass, Outcome::Left, "Left", "the Rollout was deleted"); }
  if (!w.deployment || w.deployment->meta.deletion_time) { return retreat(pass, Outcome::Left, "Left", "the Deployment was deleted"); }
  if (w.route && joined(w)) {
    const std::string left = mark(w.route->meta.annotations, model::marks::kRetreat);
    const std::string prefix = run_name(pass) + "/";
    if (left.substr(0, prefix.size()) == prefix) {
      const std::string rest = left.substr(prefix.size());
      const std::size_t slash = std::min(rest.find('/'), rest.size());
      const Outcome outcome = model::parse_outcome(rest.substr(0, slash)).value_or(Outcome::RolledBack);
      return retreat(pass, outcome, outcome == Outcome::RolledBack ? "SLOBreached" : model::text(outcome),
                     rest.substr(std::min(slash + 1, rest.size())));
    }
  }
  if (w.deployment->template_digest != run.template_digest) {
    const model::ReplicaSet* stable = find_set(w, run.stable);
    if (stable != nullptr && stable->template_digest == w.deployment->template_digest)
      return retreat(pass, Outcome::Cancelled, "RunCancelled", "the template went back to the stable one");
    return retreat(pass, Outcome::Superseded, "RunSuperseded", "the template was edited again");
  }
  if (pass.rollout().invalid.empty() && run.plan_digest != pass.rollout().plan_digest)
    return retreat(pass, Outcome::Restarted, "RunRestarted", "traffic, steps or analysis were edited, which voids the evidence so far");
}

// From the moment the Services stand on the canary a deletion of the Rollout finishes the hand-over instead of undoing it.
bool past_return(const Pass& pass) {
  const Run& run = pass.run();
  const model::ReplicaSet* canary = find_set(pass.w, run.canary);
  if (run.stage == Stage::Releasing) return true;
  if (canary != nullptr && pass.w.deployment && canary->owned_by(pass.w.deployment->meta.uid)) return true;
  return pass.rollout().deleting() && (run.stage == Stage::Draining || run.stage == Stage::Moving) && canary != nullptr &&
         pass.w.deployment && all_pinned_to(pass.w, canary->hash);
}

void run_stage(Pass& pass) {
  switch (pass.run().stage) {
    case Stage::Pinning:
    case Stage::Creating:
    case Stage::Joining:
    case Stage::Stepping: return advance(pass);
    case Stage::Filling:
    case Stage::Switching:
    case Stage::Draining:
    case Stage::Moving:
    case Stage::Releasing: return hand_over(pass);
    case Stage::Retreating: return retreating(pass);
  }
}

void on_run(Pass& pass) {
  if (pass.run().stage != Stage::Retreating && !past_return(pass)) watch_for_changes(pass);
  if (pass.retreated()) return;
  if (pass.run().stage == Stage::Stepping || pass.run().stage == Stage::Filling) judge(pass);
  if (pass.retreated()) return;
  // A stage that did nothing but end lets the next one start in the same pass; the status is written before that one acts.
  constexpr int kMostStagesInOnePass = 6;
  for (int i = 0; i < kMostStagesInOnePass && pass.next.run; ++i) {
    pass.take_moved();
    run_stage(pass);
    if (pass.retreated() || !pass.take_moved()) return;
    pass.note_before_next_effect();
  }
  pass.look_again(pass.now);
}

}  // namespace

Plan decide(const World& world, Time now) {
  // Only its last watch event is still to come, or somebody else's finalizer holds it: nothing can or need be written.
  if (world.rollout.deleting() && !world.rollout.has_finalizer() && !world.rollout.status.run) return {};
  Pass pass(world, now);
  pass.next.observed_generation = world.rollout.meta.generation;
  if (world.deployment) pass.next.target_generation = world.deployment->meta.generation;
  if (broken_glass(world)) {
    pass.phase(Phase::Paused, "BreakGlass");
    pass.say("people have taken over: Deployment " + world.rollout.target + " is marked " + model::marks::kBreakGlass + " (\"" +
                 mark(world.deployment->meta.annotations, model::marks::kBreakGlass) + "\"), so Sluice does nothing",
             "remove the mark when you are done");
    return std::move(pass).finish();
  }
  apply_actions(pass);
  delete_old_actions(pass);
  if (pass.retreated()) return std::move(pass).finish();
  if (pass.next.run) {
    on_run(pass);
  } else if (world.rollout.deleting()) {
    leave(pass);
  } else if (!world.departed) {
    adopt(pass);
    if (pass.next.run && pass.take_moved()) {
      pass.note_before_next_effect();
      on_run(pass);
    }
  }
  return std::move(pass).finish();
}

void Pass::checkpoint() {
  const model::RolloutStatus& before = written_ ? *written_ : w.rollout.status;
  model::RolloutStatus was, is;
  was.run = before.run;
  is.run = next.run;
  if (model::to_json(was) != model::to_json(is)) note();
}

void Pass::note() {
  owed_ = false;
  report(*this);
  const model::RolloutStatus& before = written_ ? *written_ : w.rollout.status;
  if (model::to_json(before) != model::to_json(next)) {
    effect(WriteStatus{next});
    written_ = next;
  }
  for (Emit& event : events_) effect(std::move(event));
  events_.clear();
  for (AnswerAction& answer : answers_) effect(std::move(answer));
  answers_.clear();
}

Plan Pass::finish() && {
  note();
  // A finalizer goes last of all: after it nothing of the object can be written.
  for (std::size_t i = 0; i + 1 < plan_.effects.size(); ++i)
    if (std::holds_alternative<RemoveFinalizer>(plan_.effects[i])) std::swap(plan_.effects[i], plan_.effects[i + 1]);
  return std::move(plan_);
}

}  // namespace sluice::engine
