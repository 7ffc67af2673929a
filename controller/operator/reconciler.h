// One reconcile reads as a story: observe, decide, apply.
#pragma once

#include <functional>
#include <optional>

#include "common/core/clock.h"
#include "controller/operator/analysis.h"
#include "controller/operator/executor.h"
#include "controller/operator/observe.h"

namespace sluice::op {

class Reconciler {
 public:
  // All references must outlive it. Thread-safe for different Rollouts (the work queue sees to it that one Rollout is in one
  // pair of hands).
  Reconciler(kube::Api& api, Caches& caches, Executor& executor, Analysis& analysis, const Clock& clock, engine::Settings settings);

  // When to look again though nothing changes; nullopt: not at all. An error: the same, after a back-off.
  Expected<std::optional<Time>> reconcile(const kube::Name& rollout);

 private:
  void look_for_hazards(engine::World& world);

  kube::Api& api_;
  Caches& caches_;
  Executor& executor_;
  Analysis& analysis_;
  const Clock& clock_;
  const engine::Settings settings_;
};

}  // namespace sluice::op
