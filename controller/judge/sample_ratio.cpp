#include "controller/judge/sample_ratio.h"

#include <cmath>

#include "controller/judge/sentence.h"

namespace sluice::judge {
namespace {

constexpr double kAnyGuess = 0.5;        // an absolute test does not look at the baseline's rate
constexpr double kManyChances = 1e6;     // exposures per request, so that no split is taken for a draw without replacement
constexpr double kHighestLimit = 0.999;  // nothing can be proven above it

void test_share(HarmProcess& process, const SampleRatioTest& test, double limit, double arm, double all, double phi) {
  if (!(limit > 0 && limit < kHighestLimit)) return;
  const double cap = std::log(2 / test.alpha) / (SampleRatioTest::kLeastTicks - 0.5);
  update(process, {{0, limit}, test.max_ticks, cap, Effects::Failures}, {all, arm}, {}, kAnyGuess, phi);
}

std::string causes(const SampleRatio& state, const SampleRatioTest& test) {
  const bool above = state.above.log_e > state.below.log_e;
  if (test.split == SampleRatioTest::Split::Replicas)
    return "connections that stay open and carry many requests, health checks that are counted, or pods that are not scraped?";
  return above ? "callers that reach its pods without the gateway, health checks that are counted, or stable pods that are not scraped?"
               : "callers that go round the gateway to the stable pods, or canary pods that are not scraped?";
}

}  // namespace

void update(SampleRatio& state, const SampleRatioTest& test, double weight, double canary, double baseline) {
  const double all = canary + baseline;
  if (!(weight > 0 && weight < 1 && canary >= 0 && baseline >= 0 && all > 0 && all <= Counts::kMaxCount)) return;
  if (weight != state.weight) {
    state.weight = weight;
    state.all = state.canary = 0;
    state.ratio = {};
  }
  state.all += all;
  state.canary += canary;
  const double phi = state.spread.phi();
  test_share(state.above, test, (1 + SampleRatioTest::kTolerated) * weight, canary, all, phi);
  if (test.split != SampleRatioTest::Split::GatewayInPart)
    test_share(state.below, test, 1 - (1 - SampleRatioTest::kTolerated) * weight, baseline, all, phi);
  // The split of requests between the arms is to their weights what the split of failures is to their requests.
  const Counts to_canary{kManyChances * all * weight, canary}, to_baseline{kManyChances * all * (1 - weight), baseline};
  state.ratio.add(to_canary, to_baseline);
  state.spread.add(to_canary, to_baseline, state.ratio.shrunk());
  const double evidence = log_evidence(state);
  state.mismatch = evidence >= std::log(1 / test.alpha) || (state.mismatch && evidence >= 0);
}

double log_evidence(const SampleRatio& state) { return log_add(state.above.log_e, state.below.log_e) - std::log(2.0); }

std::string mismatch_sentence(const SampleRatio& state, const SampleRatioTest& test) {
  if (!state.mismatch) return "";
  const double share = state.share();
  const std::string seen = as_percent(share) + " of " + with_commas(state.all) + " requests";
  const bool fits = std::abs(share - state.weight) <= SampleRatioTest::kTolerated * state.weight;
  if (fits)
    return "the canary's share of the requests did not fit its weight before; at " + as_percent(state.weight) + " it now gets " + seen;
  return "the canary got " + seen + " where its weight is " + as_percent(state.weight) + " (evidence " +
         as_odds(std::exp(std::min(690.0, log_evidence(state)))) + "): " + causes(state, test);
}

}  // namespace sluice::judge
