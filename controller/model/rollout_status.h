// A Rollout's status: what people read and what a restarted operator goes on from. Everything that a decision needs beyond
// the observed objects is in here, so that a crash at any point changes neither outcome nor timers (invariant I7).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/core/time.h"
#include "controller/kube/json.h"

namespace sluice::model {

using kube::Json;

enum class Phase { Initializing, Healthy, Progressing, AwaitingApproval, Holding, Promoting, RollingBack, RolledBack, Paused, Invalid };

// Where a run stands in the protocol. Up to Switching a run can retreat; from Moving on there is only forward.
enum class Stage {
  Pinning,     // Services are pinned to the stable ReplicaSet (route mode)
  Creating,    // the canary ReplicaSet and its Service come up
  Joining,     // the canary joins the route at weight 0 (route mode)
  Stepping,    // traffic goes up step by step and is judged
  Filling,     // the canary grows to the Deployment's size
  Switching,   // the Services are moved to the canary
  Draining,    // the route goes back to what it was
  Moving,      // the canary's pods become the Deployment's
  Releasing,   // the Deployment is handed back
  Retreating,  // all traffic back, then everything of ours away
};

// How a run ended.
enum class Outcome {
  Promoted,
  RolledBack,  // judged bad, or its pods failed
  Aborted,     // by a RolloutAction
  Cancelled,   // the template went back to the stable one
  Superseded,  // the template changed again
  Restarted,   // steps, traffic or analysis changed
  Left,        // the Rollout or its Deployment was deleted
};

struct SloStatus {
  std::string name;
  std::string verdict;  // NoData, Judging, Hold, Breach, Pass (judge/verdict.h)
  double canary = 0, baseline = 0, limit = 0, estimate = 0, evidence = 0;
  double canary_requests = 0, baseline_requests = 0;
  std::string message;
  bool operator==(const SloStatus&) const = default;
};

struct Run {
  std::int64_t revision = 0;
  std::string template_digest;
  std::string plan_digest;
  std::string stable;  // ReplicaSet that serves
  std::string stable_hash;
  std::string canary;     // ReplicaSet under analysis
  bool borrowed = false;  // the canary is an old ReplicaSet of the Deployment
  std::string service;    // the references this run works on, whatever the spec says now
  std::string route;      // "": ratio mode
  Stage stage = Stage::Pinning;
  int part = 0;    // ordered parts of a stage, see engine/
  int step = 0;    // from 1
  int weight = 0;  // desired percent
  int weight_observed = 0;
  int max_weight = 0;
  int canary_desired = 0, canary_ready = 0;
  int canary_reached = 0;  // replicas that were once all ready: losing pods is measured against it
  bool promote = false;    // a RolloutAction said Promote: skip the rest
  Time started;
  std::optional<Time> step_started;  // the step's weight was observed
  std::optional<Time> hold_until;
  std::optional<Time> settle_until;
  std::optional<Time> progress_deadline;  // by when the canary pods must be available
  std::optional<Time> repaired;           // last repair of a drifted route
  std::optional<Time> tick_from;          // samples after this were not judged yet
  std::optional<Time> tick_tried;         // samples up to this were asked for, in vain if later than tick_from
  std::optional<Time> no_data_since;
  Duration spacing{0};        // between scrapes, as last seen
  bool no_data_told = false;  // the event went out
  bool inconclusive = false;  // maxDuration is over without proof either way
  std::string missing;        // what no data means right now, in words
  Duration judged{0};         // time on steps with data; maxDuration counts this
  Duration baked{0};          // of it, on the last step below 100
  int baked_ticks = 0;
  std::string judge;           // state of the judge, opaque
  std::string share;           // state of the sample-ratio check (judge/sample_ratio.h), opaque
  std::string share_mismatch;  // while it is proven that the traffic does not follow the weight: what was seen, in words
  std::vector<SloStatus> slos;
  std::optional<Outcome> outcome;  // set once it is decided
  std::string why;                 // the sentence of the outcome
};

struct HistoryEntry {
  std::int64_t revision = 0;
  std::string outcome;
  std::string why;
  Time started, ended;
  int max_weight = 0;
  double excess_failures = 0;
  std::string breach;  // the SLO that was breached, "" if none was
};

struct Condition {
  std::string type;
  std::string status;  // True, False, Unknown
  std::string reason;
  std::string message;
  std::int64_t observed_generation = 0;
  Time last_transition;
};

struct RolloutStatus {
  std::int64_t observed_generation = 0;
  std::int64_t target_generation = 0;
  Phase phase = Phase::Initializing;
  std::string summary;
  std::string next_action;
  std::string step_text, weight_text, slo_text;  // printer columns
  std::string stable_replica_set;
  std::int64_t revision = 0;   // of the newest run
  std::string refused_digest;  // template that a run refused: not tried again until it changes or a Retry
  std::string refused_why;
  std::string last_action;            // uid of the RolloutAction applied last
  std::vector<std::string> warnings;  // what will hurt, found at adoption
  std::optional<Run> run;
  std::vector<HistoryEntry> history;  // newest first
  std::vector<Condition> conditions;

  const Condition* condition(const std::string& type) const;
};

const char* text(Phase);
const char* text(Stage);
const char* text(Outcome);
std::optional<Stage> parse_stage(const std::string&);
std::optional<Outcome> parse_outcome(const std::string&);

Json to_json(const RolloutStatus& status);
// Accepts anything; what cannot be read is left at its default. A run that cannot be read back whole (unknown stage, no
// digest) is kept with `stage` Retreating and outcome Restarted, so that it is cleaned up rather than misread.
RolloutStatus parse_rollout_status(const Json& object);

}  // namespace sluice::model
