// Whether the traffic follows the weight (judge/sample_ratio.h). A mismatch is told in events, in the condition TrafficSynced and in the
// sentence of a rollback; it never fails a canary. Where a gateway splits the traffic it holds the promotion, unless the Rollout says
// onShareMismatch: Report, until it is gone or a person decides (docs/decisions/0017-a-share-mismatch-holds-the-promotion.md).
// Internal to the engine.
#pragma once

#include "controller/engine/pass.h"

namespace sluice::engine {

inline constexpr const char* kShareMismatch = "ShareMismatch";  // reason of events and conditions

// Learns from a sample that was judged. Samples that hold a change of weight or of pods say nothing about the split and are left out.
void watch_share(Pass& pass, const Sample& sample);
// Whether the promotion must wait.
bool share_holds(const Pass& pass);

}  // namespace sluice::engine
