// From the typed stores to the World of one Rollout: an immutable snapshot that one decision is made from.
#pragma once

#include <optional>

#include "controller/engine/world.h"
#include "controller/operator/caches.h"

namespace sluice::op {

// nullopt: there is no such Rollout (any more). `hazards` and `sample` are left empty; the caller fills them in.
std::optional<engine::World> observe(const Caches& caches, const kube::Name& rollout, const engine::Settings& settings);

}  // namespace sluice::op
