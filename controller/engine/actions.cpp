// What people and pipelines asked for with RolloutActions.
#include "controller/engine/look.h"
#include "controller/engine/pass.h"
#include "controller/model/marks.h"

namespace sluice::engine {

namespace {

using Kind = model::RolloutAction::Kind;

struct Answer {
  bool applied = false;
  std::string message;
};

bool can_retreat(const Pass& pass) {
  const Run& run = pass.run();
  const model::ReplicaSet* canary = find_set(pass.w, run.canary);
  const bool moved = canary != nullptr && pass.w.deployment && canary->owned_by(pass.w.deployment->meta.uid);
  return run.stage != Stage::Retreating && run.stage != Stage::Releasing && !moved;
}

Answer abort(Pass& pass, const std::string& by) {
  if (!pass.next.run) return {false, "refused: no run is on"};
  if (!can_retreat(pass)) return {false, std::string("refused: the run is already ") + model::text(pass.run().stage)};
  retreat(pass, Outcome::Aborted, "Aborted", "aborted" + by);
  return {true, "all traffic goes back to ReplicaSet " + pass.run().stable};
}

Answer promote(Pass& pass, const std::string& by) {
  if (!pass.next.run) return {false, "refused: no run is on"};
  Run& run = pass.run();
  if (!can_retreat(pass) || run.stage == Stage::Filling || run.stage == Stage::Switching || run.stage == Stage::Draining ||
      run.stage == Stage::Moving)
    return {false, std::string("refused: the run is already ") + model::text(run.stage)};
  run.promote = true;
  pass.event("Approved", "run " + std::to_string(run.revision) + ": the remaining steps are skipped" + by, true);
  return {true, "the remaining steps are skipped; the canary is filled up and handed over"};
}

Answer retry(Pass& pass, const std::string& by) {
  if (pass.next.run) return {false, "refused: run " + std::to_string(pass.run().revision) + " is on"};
  if (pass.next.refused_digest.empty()) return {false, "refused: no template was rolled back, so there is nothing to retry"};
  pass.next.refused_digest.clear();
  pass.next.refused_why.clear();
  pass.event("RetryRequested", "the refused template is tried again" + by);
  return {true, "the template is tried again from the first step"};
}

}  // namespace

void apply_actions(Pass& pass) {
  for (const model::RolloutAction& action : pass.w.actions) {
    const std::string& uid = action.meta.uid;
    if (!uid.empty() && uid == pass.next.last_action) {  // applied before a crash, answered now
      pass.answer({action.meta.name, true, "applied"});
      continue;
    }
    std::string by = action.requested_by.empty() ? "" : " by " + action.requested_by;
    if (!action.reason.empty()) by += ": " + action.reason;
    const std::int64_t current = pass.next.run ? pass.run().revision : pass.next.revision;
    Answer answer;
    if (pass.w.departed)
      answer = {false, "refused: there is no Rollout " + pass.rollout().meta.name + " in namespace " + pass.rollout().meta.ns};
    else if (pass.rollout().deleting()) answer = {false, "refused: the Rollout is being deleted"};
    else if (action.revision != 0 && action.revision != current)
      answer = {false, "refused: revision is now " + std::to_string(current) + ", the action says " + std::to_string(action.revision)};
    else if (pass.retreated()) answer = {false, "refused: the run was just called off"};
    else if (action.kind == Kind::Abort) answer = abort(pass, by);
    else if (action.kind == Kind::Promote) answer = promote(pass, by);
    else if (action.kind == Kind::Retry) answer = retry(pass, by);
    else answer = {false, "refused: action \"" + action.action + "\" is not known; write Abort, Retry or Promote"};
    if (answer.applied) pass.next.last_action = uid;
    else if (!pass.w.departed) pass.event("ActionRefused", action.action + " (" + action.meta.name + "): " + answer.message, true);
    pass.answer({action.meta.name, answer.applied, answer.message});
  }
}

void delete_old_actions(Pass& pass) {
  constexpr Duration kReadable{24LL * 60 * 60 * 1000};
  for (const model::RolloutAction& action : pass.w.answered) {
    if (action.meta.deletion_time) continue;
    const bool credible = action.answered_at && *action.answered_at <= pass.now;
    const Time until = (credible ? *action.answered_at : action.meta.creation_time.value_or(pass.now)) + kReadable;
    if (pass.now >= until) pass.effect(DeleteAction{action.meta.name, action.meta.uid});
    else pass.look_again(until);
  }
}

}  // namespace sluice::engine
