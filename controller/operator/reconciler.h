// One reconcile reads as a story: observe, decide, apply.
#pragma once

#include <map>
#include <mutex>
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
  std::optional<engine::World> world_of(const kube::Name& rollout);
  void look_for_hazards(engine::World& world);
  // What is known of a departed Rollout's way back, as no status can hold it (remains.h).
  std::optional<model::Rollout> departed(const kube::Name& rollout);
  void remember(const engine::World& world, const engine::Plan& plan);

  kube::Api& api_;
  Caches& caches_;
  Executor& executor_;
  Analysis& analysis_;
  const Clock& clock_;
  const engine::Settings settings_;
  std::mutex mutex_;
  std::map<kube::Name, model::Rollout> departed_;
};

}  // namespace sluice::op
