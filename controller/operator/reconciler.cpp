#include "controller/operator/reconciler.h"

#include "controller/engine/decide.h"
#include "controller/model/marks.h"
#include "controller/operator/hazards.h"
#include "controller/operator/remains.h"

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

std::optional<model::Rollout> Reconciler::departed(const kube::Name& rollout) {
  const std::lock_guard lock(mutex_);
  if (const auto known = departed_.find(rollout); known != departed_.end()) return known->second;
  return rollout_of_remains(caches_, rollout);
}

void Reconciler::remember(const engine::World& world, const engine::Plan& plan) {
  const kube::Name name = world.rollout.meta.key();
  const std::lock_guard lock(mutex_);
  for (const engine::Effect& effect : plan.effects) {
    if (const auto* written = std::get_if<engine::WriteStatus>(&effect)) {
      auto& rollout = departed_.try_emplace(name, world.rollout).first->second;
      rollout.status = written->status;
    } else if (std::holds_alternative<engine::RemoveFinalizer>(effect)) {
      departed_.erase(name);
      return;
    }
  }
}

std::optional<engine::World> Reconciler::world_of(const kube::Name& rollout) {
  engine::World world;
  if (const auto gone = departed(rollout)) {
    world = observe(caches_, *gone, settings_);
    world.departed = true;
    world.actions.clear();  // for a living Rollout of that name, or answered when this one's remains are away
    world.answered.clear();
  } else if (const auto living = caches_.rollouts.store().get(rollout)) {
    world = observe(caches_, *living, settings_);
    look_for_hazards(world);
    world.sample = analysis_.look(rollout);
  } else if (!caches_.actions.store().by_index("rollout", rollout.ns + "/" + rollout.name).empty()) {
    model::Rollout nobody;
    nobody.meta.ns = rollout.ns;
    nobody.meta.name = rollout.name;
    world = observe(caches_, nobody, settings_);
    world.departed = true;
  } else {
    return std::nullopt;
  }
  return world;
}

Expected<std::optional<Time>> Reconciler::reconcile(const kube::Name& rollout) {
  const auto world = world_of(rollout);
  if (!world) {
    analysis_.drop(rollout);
    return std::nullopt;
  }
  const engine::Plan plan = engine::decide(*world, clock_.now());
  if (auto done = executor_.apply(*world, plan); !done) return Unexpected(done.error());
  if (world->departed && world->rollout.deleting()) {
    remember(*world, plan);
    // What happens around it wakes only living Rollouts, so this one looks at the caches by itself until nothing is left.
    constexpr Duration kLook{1'000};
    return plan.effects.empty() ? clock_.now() + kLook : clock_.now();
  }
  if (world->sample) analysis_.drop(rollout);
  if (plan.sample && plan.sample->not_before <= clock_.now()) analysis_.want(rollout, world->rollout, *plan.sample);
  return plan.again_at;
}

}  // namespace sluice::op
