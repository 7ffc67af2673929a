// What one decision is made from: everything that was observed about one Rollout at one moment. A value; nothing in it is
// fetched later. operator/observe.h fills it from the typed stores, tests and the simulation fill it by hand.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/core/time.h"
#include "controller/judge/counts.h"
#include "controller/model/network.h"
#include "controller/model/rollout.h"
#include "controller/model/rollout_action.h"
#include "controller/model/workload.h"

namespace sluice::engine {

// A Service of the namespace whose selector covers the Deployment's pods.
struct FrontService {
  model::Service service;
  bool selects_strangers = false;  // it also selects pods that are not the Deployment's: never pinned
};

// What a sampling of Prometheus brought, for the window (from, to]. One entry of `slos` per SLO of the analysis.
struct Sample {
  std::int64_t revision = 0;  // run it was taken for
  Time from, to;
  std::vector<judge::SloTick> slos;
  std::string missing;  // "": complete; else what is missing, in words ("no series for the canary: ...")
  Duration spacing{0};  // between scrapes, as seen; 0: not known
};

struct Settings {
  bool gate_by_policy = true;  // the API server pauses edited Deployments; else they stay paused between runs
  std::string prometheus;      // the operator's --prometheus; "": none
};

struct World {
  model::Rollout rollout;
  bool departed = false;                       // there is no such Rollout (any more): nothing can be written to it
  std::vector<model::RolloutAction> actions;   // for this Rollout, not yet answered, oldest first
  std::vector<model::RolloutAction> answered;  // the others
  std::optional<model::Deployment> deployment;
  std::vector<model::ReplicaSet> replica_sets;      // the Deployment's, and those with our label
  std::vector<model::Pod> pods;                     // of those sets
  std::vector<FrontService> services;               // covering the Deployment's pods; V is among them if it exists and covers
  std::optional<model::Service> service;            // V, covering or not
  std::optional<model::Service> canary_service;     // V'
  std::vector<model::EndpointSlice> slices;         // of V, V' and the other covering Services
  std::optional<model::HttpRoute> route;            // of the run, or of the spec where none is on
  std::string rival;                                // an older Rollout on the same Deployment, "" if none
  std::optional<std::vector<std::string>> hazards;  // PDB, HPA, quota: what will hurt, in sentences; nullopt: not looked for now
  std::optional<Sample> sample;
  Settings settings;
};

}  // namespace sluice::engine
