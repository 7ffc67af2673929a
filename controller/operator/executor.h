// Carries out the effects of a plan, in order, against the API server; the first failure ends the pass.
//
// Each effect becomes one request (CreateCanary and the like read first) with its precondition, and each result is merged
// into the caches at once. What is not there any more counts as removed; what exists already is read back and checked to be
// ours. Thread-safe for different Rollouts.
#pragma once

#include <functional>
#include <string>

#include "common/core/clock.h"
#include "controller/engine/plan.h"
#include "controller/engine/world.h"
#include "controller/operator/caches.h"

namespace sluice::op {

// Where events about a Rollout go; a failure there never stops a pass.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void emit(const model::Rollout& about, const engine::Emit& event) = 0;
};

class Executor {
 public:
  // `may_write` is asked before every write: false after the lease was lost (invariant I8). All references must outlive it.
  Executor(kube::Api& api, Caches& caches, EventSink& events, const Clock& clock, std::function<bool()> may_write);

  // Error: the effect that failed is named in the message. Conflict means: observe again and decide again.
  Expected<void> apply(const engine::World& world, const engine::Plan& plan);

 private:
  struct Carry;
  kube::Api& api_;
  Caches& caches_;
  EventSink& events_;
  const Clock& clock_;
  std::function<bool()> may_write_;
};

}  // namespace sluice::op
