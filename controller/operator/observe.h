// From the typed stores to the World of one Rollout: an immutable snapshot that one decision is made from.
#pragma once

#include "controller/engine/world.h"
#include "controller/operator/caches.h"

namespace sluice::op {

// `hazards`, `sample` and `departed` are left as they are by default; the caller fills them in.
engine::World observe(const Caches& caches, const model::Rollout& rollout, const engine::Settings& settings);

}  // namespace sluice::op
