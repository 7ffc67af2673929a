#include "controller/engine/share.h"

#include <algorithm>

#include "controller/engine/look.h"
#include "controller/judge/sample_ratio_json.h"

namespace sluice::engine {
namespace {

using Split = judge::SampleRatioTest::Split;

judge::SampleRatioTest share_test(const Pass& pass) {
  const model::Analysis& a = pass.rollout().analysis;
  judge::SampleRatioTest test;
  test.alpha = a.false_rollback;
  test.max_ticks = static_cast<int>(std::max<long long>(1, a.max_duration / a.interval));
  test.split = pass.run().route.empty() ? Split::Replicas : pass.rollout().rules.empty() ? Split::Gateway : Split::GatewayInPart;
  return test;
}

// The canary's part of the traffic as the data plane was told; without a route, of the pods behind the Service.
double expected_share(const Pass& pass) {
  const Run& run = pass.run();
  if (!run.route.empty()) return run.weight_observed / 100.0;
  const auto ready = [&](const std::string& name) {
    const model::ReplicaSet* set = find_set(pass.w, name);
    return set == nullptr ? 0.0 : static_cast<double>(ready_pods(pass.w, *set).size());
  };
  const double canary = ready(run.canary), all = canary + ready(run.stable);
  return all > 0 ? canary / all : 0;
}

// Whether weight and pods were the same all through the sample, as far as counters can tell: what they add within a scrape of the
// sample's begin is from before, and the first scrape of a pod is only a base.
bool steady(const Pass& pass, const Sample& sample) {
  const Run& run = pass.run();
  const Duration scrape = std::max(run.spacing, sample.spacing);
  if (sample.from < *run.step_started + pass.rollout().settle + scrape) return false;
  const auto counted_since = [&](const std::string& name, Duration warmup) {
    const model::ReplicaSet* set = find_set(pass.w, name);
    if (set == nullptr) return false;
    const auto pods = pods_of(pass.w, *set);
    return std::all_of(pods.begin(), pods.end(),
                       [&](const auto* pod) { return !pod->started || *pod->started + warmup + scrape <= sample.from; });
  };
  return counted_since(run.canary, pass.rollout().analysis.warmup) && counted_since(run.stable, Duration(0));
}

}  // namespace

void watch_share(Pass& pass, const Sample& sample) {
  Run& run = pass.run();
  if (sample.slos.empty() || !steady(pass, sample)) return;
  // A state that cannot be read is begun anew: only evidence for a warning is lost.
  judge::SampleRatio state = judge::sample_ratio_from_json(run.share).value_or(judge::SampleRatio{});
  const judge::SampleRatioTest test = share_test(pass);
  const bool was = state.mismatch;
  // All SLOs count the same requests as a rule; the first one speaks for them.
  const judge::SloTick& tick = sample.slos.front();
  judge::update(state, test, expected_share(pass), tick.canary.total, tick.baseline.total);
  run.share = judge::to_json(state);
  run.share_mismatch = judge::mismatch_sentence(state, test);
  if (state.mismatch && !was) pass.event(kShareMismatch, run.share_mismatch, true);
  if (was && !state.mismatch) pass.event("ShareFits", "the canary's share of the requests fits its weight again");
}

bool share_holds(const Pass& pass) {
  const Run& run = pass.run();
  return !run.share_mismatch.empty() && !run.route.empty() && pass.rollout().analysis.on_share_mismatch == model::OnShareMismatch::Hold;
}

}  // namespace sluice::engine
