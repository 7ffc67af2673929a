// What a Rollout left behind that went without cleaning up: its finalizer was forced away, or the CRD was removed with it.
//
// From what is still marked it is brought back as a Rollout that is being deleted and has just begun its retreat, so that the
// ordinary way back (engine/retreat.cpp, engine/adopt.cpp) takes everything away in the right order. It exists in memory
// only: after a restart of the operator the retreat begins again, which does no harm.
#pragma once

#include <optional>

#include "controller/model/rollout.h"
#include "controller/operator/caches.h"

namespace sluice::op {

// nullopt: nothing is left of any earlier Rollout of this name. A living Rollout of the same name is another one, with
// another uid: what carries its uid, and a run that its status knows of, is not left over.
std::optional<model::Rollout> rollout_of_remains(const Caches& caches, const kube::Name& rollout);

}  // namespace sluice::op
