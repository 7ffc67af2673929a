// The canary ReplicaSet's capacity and the route's state, as both the way up and the hand-over need them. Internal.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "controller/engine/look.h"

namespace sluice::engine {

// Scales the canary and waits for its pods and for its endpoints behind `service`. The progress deadline runs meanwhile and
// ends the run. Says what it waits for.
bool capacity(Pass& pass, const model::ReplicaSet& canary, int replicas, const std::string& service);
// Retreats if a canary pod restarts too often / if the canary lost too many of the pods it once had.
bool pods_failed(Pass& pass, const model::ReplicaSet& canary);
bool pods_lost(Pass& pass, const model::ReplicaSet& canary);

// V' is there and selects the canary (route mode; true without a route). If it vanished under traffic the weight goes to 0
// before it is created again.
bool ensure_canary_service(Pass& pass, const model::ReplicaSet& canary);

// The gateway reports our last change of the route. Says what it waits for, or what the gateway's trouble is.
bool route_observed(Pass& pass);
void patch_route(Pass& pass, const Json& rules, int percent, std::map<std::string, std::optional<std::string>> annotations = {});
// The route gives the canary `percent`, as written by us, and the gateway follows.
bool route_at(Pass& pass, int percent);
// The route is as it was before us, mark gone, and the gateway follows. Edits by others are kept. True without a route.
bool route_restored(Pass& pass);

// The endpoints of every pinned Service are exactly the ready pods of this set.
bool services_follow(Pass& pass, const model::ReplicaSet& set);

}  // namespace sluice::engine
