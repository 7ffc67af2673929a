// Does the traffic follow the weight? A sequential test of the canary's share of all requests, the "sample-ratio check".
//
// The judge compares the arms' bad shares, whatever the arms' sizes are; but at a weight of 10 % a canary with 31 % of the requests
// has other callers than the baseline (or not all of its pods are counted), and then the comparison is not one of two versions.
// Tested in every tick: share > 1.2 weight, and share < 0.8 weight, the second one as "the baseline's share > 1 - 0.8 weight"; each
// is the absolute test of e_process.h, tempered by overdispersion.h. The evidence is the mean of both, so P(a mismatch is ever seen)
// <= alpha while the share stays between the two, whatever weights and traffic do, requests being split independently of each other
// (clumps: an estimate, without a proof). No fewer than kLeastTicks ticks decide: what a change of backends leaves behind passes.
// It says nothing about the canary's quality: it neither fails nor passes one.
//
// Values of fixed size, no allocation, not thread-safe. Weights and shares are of 1.
// Source: docs/judge.md; Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments" (KDD 2019), Lindon, Malek,
// "Anytime-valid inference for multinomial count data" (2022) for the sequential form.
#pragma once

#include <string>

#include "controller/judge/e_process.h"
#include "controller/judge/overdispersion.h"
#include "controller/judge/rate_ratio.h"

namespace sluice::judge {

struct SampleRatioTest {
  static constexpr double kTolerated = 0.2;  // of the weight, both ways
  static constexpr int kLeastTicks = 8;

  // Who splits the traffic: what the causes of a mismatch may be, and which side is tested.
  enum class Split {
    Gateway,        // a route sends the weight's share of each request stream to the canary
    GatewayInPart,  // it does so for some of its rules only: a share below the weight is expected
    Replicas,       // connections are spread over the pods of both arms; the weight is the canary's share of them
  };

  double alpha = 0.01;  // P(false alarm) over the whole run
  int max_ticks = 480;  // length of the run for which the test is tuned; it stays valid beyond
  Split split = Split::Gateway;
};

struct SampleRatio {
  HarmProcess above, below;
  Overdispersion spread;
  RateRatio ratio;        // of the share's odds to the weight's, at the present weight
  double weight = 0;      // of the last tick
  double all = 0;         // requests of both arms since the weight is this
  double canary = 0;      // of them the canary's
  bool mismatch = false;  // proven (evidence 1/alpha) and not gone yet (evidence below 1)

  double share() const { return all > 0 ? canary / all : 0; }
  friend bool operator==(const SampleRatio&, const SampleRatio&) = default;
};

// One more tick, in place: requests of either arm, both counted over the same time, while the canary's weight was `weight`.
// Nothing changes where there is nothing to learn: a weight outside (0, 1), no request, or counts that are negative, not finite or
// above Counts::kMaxCount. Leave out ticks in which the weight changed, pods were warmed up or scraped for the first time.
void update(SampleRatio& state, const SampleRatioTest& test, double weight, double canary, double baseline);

// ln of the evidence for a mismatch, either way.
double log_evidence(const SampleRatio& state);

// "the canary got 31% of 12,300 requests where its weight is 10% (evidence 1,240:1): ..." with what may be the cause; "" unless
// there is a mismatch.
std::string mismatch_sentence(const SampleRatio& state, const SampleRatioTest& test);

}  // namespace sluice::judge
