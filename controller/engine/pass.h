// The working state of one decision: the world, the status being written and the plan being made. Internal to the engine.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "controller/engine/plan.h"
#include "controller/engine/world.h"

namespace sluice::engine {

using model::Outcome;
using model::Phase;
using model::Run;
using model::Stage;

class Pass {
 public:
  Pass(const World& world, Time at) : w(world), now(at), next(world.rollout.status) {}

  const World& w;
  const Time now;
  model::RolloutStatus next;

  const model::Rollout& rollout() const { return w.rollout; }
  Run& run() { return *next.run; }
  const Run& run() const { return *next.run; }

  void effect(Effect effect) {
    if (owed_) note();
    plan_.effects.push_back(std::move(effect));
  }
  // Emitted after the status that records the transition was written, so that a crash may lose an event but never doubles it.
  void event(std::string reason, std::string message, bool warning = false) {
    events_.push_back({std::move(reason), std::move(message), warning});
  }
  // The answer follows the status that remembers the action.
  void answer(AnswerAction answer) { answers_.push_back(std::move(answer)); }
  void look_again(Time at) {
    if (!plan_.again_at || at < *plan_.again_at) plan_.again_at = at;
  }
  void sample(SampleWish wish) { plan_.sample = std::move(wish); }

  // What the run is doing right now, and what comes next; shown in the status.
  void say(std::string summary, std::string next_action = "") {
    next.summary = std::move(summary);
    next.next_action = std::move(next_action);
  }
  void phase(Phase phase, std::string reason) {
    next.phase = phase;
    reason_ = std::move(reason);
  }
  // Why the phase lasts, where a wait within it has a reason of its own: a rollback that waits for the gateway is a rollback.
  void because(std::string reason) { reason_ = std::move(reason); }
  // CamelCase reason of the conditions.
  const std::string& reason() const { return reason_; }

  // Next stage (or part) of the run, with its settle timer cleared.
  void enter(Stage stage, int part = 0) {
    run().stage = stage;
    run().part = part;
    run().settle_until.reset();
    run().progress_deadline.reset();
    moved_ = true;
  }
  // True once `settle` has passed since this was first asked in the present part: the data plane follows and the longest
  // request in flight ends.
  bool settled() {
    if (!run().settle_until) run().settle_until = now + rollout().settle;
    if (now >= *run().settle_until) return true;
    look_again(*run().settle_until);
    return false;
  }
  // True once after enter(): the stage function of the new stage may run on the same world.
  bool take_moved() { return std::exchange(moved_, false); }
  // The run was called off in this pass: its stage functions are over for now.
  void set_retreated() { retreated_ = true; }
  bool retreated() const { return retreated_; }
  bool has_effects() const { return !plan_.effects.empty(); }

  // Writes the status here if the run in it has changed: what the run is about to do is written before it is done.
  void checkpoint();
  // Writes the status here if it differs from what was last written in this pass; events and answers follow it.
  void note();
  // note(), but not before there is something to do: a stage that only ended is told together with what the next one begins.
  void note_before_next_effect() { owed_ = true; }
  // ... unless the next thing to do comes before any status: the first effect of a retreat.
  void act_before_note() { owed_ = false; }
  Plan finish() &&;

 private:
  Plan plan_;
  std::vector<Emit> events_;
  std::vector<AnswerAction> answers_;
  std::optional<model::RolloutStatus> written_;
  std::string reason_;
  bool moved_ = false;
  bool owed_ = false;
  bool retreated_ = false;
};

// Chapters of the decision, one file each.
void adopt(Pass& pass);
void leave(Pass& pass);
void apply_actions(Pass& pass);
void delete_old_actions(Pass& pass);
void advance(Pass& pass);    // Pinning .. Stepping
void hand_over(Pass& pass);  // Filling .. Releasing
void retreating(Pass& pass);
void judge(Pass& pass);
void report(Pass& pass);

// Starts a new run of the Deployment's present template at `stage`.
void start_run(Pass& pass, const model::ReplicaSet& stable, Stage stage);
// The run has failed or is called off: weight 0 is the first effect, then the status, then the rest.
void retreat(Pass& pass, Outcome outcome, std::string reason, std::string why);
// Ends the run: history, the refused template, no run.
void end_run(Pass& pass);

}  // namespace sluice::engine
