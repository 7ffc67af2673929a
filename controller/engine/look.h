// Questions to a World: who serves, which pods are ready, what a Service's endpoints are. Internal to the engine.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "controller/engine/names.h"
#include "controller/engine/pass.h"
#include "controller/traffic/route.h"

namespace sluice::engine {

using PodNames = std::set<std::string>;

const model::ReplicaSet* find_set(const World& w, const std::string& name);
// The Deployment's ReplicaSets with replicas > 0, newest first.
std::vector<const model::ReplicaSet*> active_sets(const World& w);
// The one ReplicaSet that serves; nullptr while there is none or more than one.
const model::ReplicaSet* find_stable(const World& w);
// A scaled-down ReplicaSet of the Deployment with its present template; the oldest, as its controller would choose.
const model::ReplicaSet* find_in_history(const World& w);

std::vector<const model::Pod*> pods_of(const World& w, const model::ReplicaSet& set);
PodNames ready_pods(const World& w, const model::ReplicaSet& set);
// Pods behind ready endpoints of a Service.
PodNames endpoints(const World& w, const std::string& service);

// Services that a run pins: covering the Deployment's pods and nobody else's.
std::vector<const model::Service*> pinnable(const World& w);
bool all_pinned_to(const World& w, const std::string& hash);
// Pushes the missing pins (an empty hash takes pins away); true if none was missing.
bool pin_all(Pass& pass, const std::string& hash);

traffic::Split split_of(const Pass& pass);
bool joined(const World& w);  // the route carries our original
// What the route should look like with the canary at `percent`.
Expected<Json> rules_at(const Pass& pass, int percent);
// The rules as they were before us, as remembered on the route; nullopt if that cannot be read.
std::optional<Json> original_rules(const World& w);

std::string mark(const std::map<std::string, std::string>& marks, const char* key);  // "" if absent
std::string run_name(const Pass& pass);                                              // "web/7"

// Replicas that step number `step` (from 1) asks for, of the Deployment's present size.
int step_replicas(const Pass& pass, int step);
std::string plural(int count, const std::string& noun);

}  // namespace sluice::engine
