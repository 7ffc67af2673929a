// The decision: World and time to Plan. Pure: the same input always gives the same plan, so that every pass can be replayed,
// simulated in virtual time, and stopped after any effect.
//
// The protocol with Kubernetes that it follows is docs/protocol.md; the files of this folder are its chapters:
//   adopt.cpp     no run is on: adopt, detect a held template, wait for people, leave
//   advance.cpp   a run goes up: pin, create, join, step
//   hand_over.cpp a proven run: fill, switch, drain, move, release
//   retreat.cpp   a failed, cancelled or superseded run: weight 0 first, then everything of ours away
//   judging.cpp   samples to verdicts
//   actions.cpp   what people asked for
//   report.cpp    phase, sentence, conditions, columns
#pragma once

#include "controller/engine/plan.h"
#include "controller/engine/world.h"

namespace sluice::engine {

Plan decide(const World& world, Time now);

}  // namespace sluice::engine
