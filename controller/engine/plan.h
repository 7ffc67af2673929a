// What decide() answers: effects in order, when to look again though nothing changed, and what to ask Prometheus.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/core/time.h"
#include "controller/engine/effect.h"

namespace sluice::engine {

// Samples wanted for the window (from, to]; ask not before `not_before`.
struct SampleWish {
  std::int64_t revision = 0;
  Time from, to;
  Time not_before;
  std::string canary, stable;              // ReplicaSets
  std::map<std::string, Time> warm_after;  // canary pod -> its warm-up ends
  bool operator==(const SampleWish&) const = default;
};

struct Plan {
  std::vector<Effect> effects;   // in this order; the first failure ends the pass
  std::optional<Time> again_at;  // nullopt: only when something changes
  std::optional<SampleWish> sample;
};

}  // namespace sluice::engine
