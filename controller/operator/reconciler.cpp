#include "controller/operator/reconciler.h"

#include "controller/engine/decide.h"
#include "controller/model/marks.h"
#include "controller/operator/hazards.h"

namespace sluice::op {

Reconciler::Reconciler(kube::Api& api, Caches& caches, Executor& executor, Analysis& analysis, const Clock& clock,
                       engine::Settings settings)
    : api_(api), caches_(caches), executor_(executor), analysis_(analysis), clock_(clock), settings_(std::move(settings)) {}

// Only when something about the workload is new: at adoption, and when the Rollout was edited.
void Reconciler::look_for_hazards(engine::World& world) {
  if (!world.deployment || world.rollout.deleting() || world.rollout.status.run) return;
  const auto mark = world.deployment->meta.annotations.find(model::marks::kRollout);
  const bool adopted = mark != world.deployment->meta.annotations.end() && mark->second == world.rollout.meta.name;
  if (adopted && world.rollout.status.observed_generation == world.rollout.meta.generation) return;
  if (!adopted && (!world.rollout.has_finalizer() || !world.deployment->complete())) return;
  world.hazards = hazards(world, neighbours_of(api_, world.rollout.meta.ns));
}

Expected<std::optional<Time>> Reconciler::reconcile(const kube::Name& rollout) {
  auto world = observe(caches_, rollout, settings_);
  if (!world) {
    analysis_.drop(rollout);
    return std::nullopt;
  }
  look_for_hazards(*world);
  world->sample = analysis_.look(rollout);
  const engine::Plan plan = engine::decide(*world, clock_.now());
  if (auto done = executor_.apply(*world, plan); !done) return Unexpected(done.error());
  if (world->sample) analysis_.drop(rollout);
  if (plan.sample && plan.sample->not_before <= clock_.now()) analysis_.want(rollout, world->rollout, *plan.sample);
  return plan.again_at;
}

}  // namespace sluice::op
