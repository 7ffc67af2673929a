// The status that people read: printer columns and conditions, derived from phase, sentence and run.
#include <algorithm>
#include <cmath>

#include "controller/engine/look.h"
#include "controller/engine/pass.h"
#include "controller/engine/share.h"

namespace sluice::engine {

namespace {

void set_condition(Pass& pass, const char* type, const char* status, std::string reason, std::string message) {
  constexpr std::size_t kLongestMessage = 2048;
  message = message.substr(0, kLongestMessage);
  for (model::Condition& condition : pass.next.conditions) {
    if (condition.type != type) continue;
    if (condition.status != status) condition.last_transition = pass.now;
    condition.status = status;
    condition.reason = std::move(reason);
    condition.message = std::move(message);
    condition.observed_generation = pass.rollout().meta.generation;
    return;
  }
  pass.next.conditions.push_back({type, status, std::move(reason), std::move(message), pass.rollout().meta.generation, pass.now});
}

void columns(Pass& pass) {
  auto& next = pass.next;
  next.step_text = next.weight_text = next.slo_text = "-";
  if (next.phase == Phase::RolledBack) {
    next.weight_text = "0%";
    if (!next.history.empty())
      next.slo_text = next.history.front().breach.empty() ? next.history.front().outcome : "breach: " + next.history.front().breach;
  }
  if (!next.run) return;
  const Run& run = *next.run;
  next.step_text = std::to_string(run.step) + "/" + std::to_string(pass.rollout().steps.size());
  next.weight_text = std::to_string(run.weight_observed) + "%";
  const auto& slos = run.slos;
  if (slos.empty()) return;
  const auto breach = std::find_if(slos.begin(), slos.end(), [](const auto& s) { return s.verdict == "Breach"; });
  const auto count = std::count_if(slos.begin(), slos.end(), [](const auto& s) { return s.verdict == "Judging" || s.verdict == "Pass"; });
  next.slo_text = breach != slos.end() ? "breach: " + breach->name
                  : run.no_data_since  ? "no data"
                                       : "ok " + std::to_string(count) + "/" + std::to_string(slos.size());
}

// Healthy is Ready; RolledBack, Invalid, an inconclusive run and one that cannot be judged are Stalled; everything else is Reconciling.
// Exactly one.
void main_conditions(Pass& pass) {
  const auto& next = pass.next;
  const bool ready = next.phase == Phase::Healthy;
  const bool stalled = next.phase == Phase::RolledBack || next.phase == Phase::Invalid ||
                       (next.run && next.run->inconclusive && next.run->stage == Stage::Stepping) || pass.reason() == kShareMismatch;
  const std::string reason = pass.reason().empty() ? model::text(next.phase) : pass.reason();
  const auto say = [&](bool yes) { return yes ? "True" : "False"; };
  set_condition(pass, "Ready", say(ready), reason, next.summary);
  set_condition(pass, "Reconciling", say(!ready && !stalled), reason, next.summary);
  set_condition(pass, "Stalled", say(stalled), reason, next.summary);
  set_condition(pass, "Settled", say(ready || next.phase == Phase::RolledBack || next.phase == Phase::Invalid), reason, next.summary);
}

void detail_conditions(Pass& pass) {
  const auto& next = pass.next;
  const model::ReplicaSet* stable = find_set(pass.w, next.stable_replica_set);
  if (stable != nullptr) {
    const bool serves = stable->status.available > 0 || stable->replicas == 0;
    set_condition(pass, "Available", serves ? "True" : "False", serves ? "BaselineServes" : "NoPodAvailable",
                  std::string("ReplicaSet ") + stable->meta.name + (serves ? " serves" : " has no available pod"));
  }
  if (!next.run) {
    // What was said of the last run stays; only a healthy Deployment has nothing to say any more.
    if (next.phase == Phase::Healthy) set_condition(pass, "TrafficSynced", "True", "NoRun", "no run is on");
    return;
  }
  const Run& run = *next.run;
  const bool synced = run.weight == run.weight_observed;
  const bool fits = run.share_mismatch.empty();
  set_condition(pass, "TrafficSynced", synced && fits ? "True" : "False",
                !fits    ? kShareMismatch
                : synced ? "Observed"
                         : "Shifting",
                "canary weight desired " + std::to_string(run.weight) + "%, observed " + std::to_string(run.weight_observed) + "%" +
                    (fits ? "" : "; " + run.share_mismatch));
  if (run.no_data_since) set_condition(pass, "MetricsAvailable", "False", "NoData", run.missing);
  else if (run.slos.empty()) set_condition(pass, "MetricsAvailable", "Unknown", "NotSampled", "no sample was asked for yet");
  else set_condition(pass, "MetricsAvailable", "True", "Sampled", "samples arrive");
  const bool breach = run.outcome == Outcome::RolledBack &&
                      std::any_of(run.slos.begin(), run.slos.end(), [](const auto& s) { return s.verdict == "Breach"; });
  std::string message;
  for (const auto& slo : run.slos) message += (message.empty() ? "" : "; ") + slo.message;
  set_condition(pass, "SLOsMet",
                breach             ? "False"
                : run.slos.empty() ? "Unknown"
                                   : "True",
                breach ? "SLOBreached" : "Judging", message.empty() ? "no sample was judged yet" : message);
}

}  // namespace

void report(Pass& pass) {
  columns(pass);
  main_conditions(pass);
  detail_conditions(pass);
}

}  // namespace sluice::engine
