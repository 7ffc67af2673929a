#include "controller/judge/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/judge/sentence.h"
#include "controller/judge/traffic_for_test.h"

namespace sluice::judge {
namespace {

using testing::HasSubstr;

TrialPlan errors_plan() {
  TrialPlan plan;
  plan.slos = {{.name = "errors"}};
  return plan;
}

Trial after(const TrialPlan& plan, Trial trial, const SloTick& tick, int times = 1) {
  for (int i = 0; i < times; ++i) trial = *advance(plan, trial, std::vector<SloTick>(plan.slos.size(), tick));
  return trial;
}

TEST(Verdict, BeforeAnyTickThereIsNoData) {
  const Verdict v = verdict(errors_plan(), {});
  EXPECT_EQ(v.state, Verdict::State::Judging);
  EXPECT_EQ(v.slos.at(0).state, SloVerdict::State::NoData);
  EXPECT_EQ(v.sentence, "errors: no data yet");
}

TEST(Verdict, AHealthyCanaryPassesWhenProvenAndTheSentenceSaysHowWell) {
  const TrialPlan plan = errors_plan();
  Trial trial;
  int ticks = 0;
  while (verdict(plan, trial).state != Verdict::State::Pass && ticks < 400) {
    trial = after(plan, trial, {{750, ticks % 2 == 0 ? 1.0 : 0.0}, {750, ticks % 2 == 0 ? 0.0 : 1.0}});
    ++ticks;
  }
  const Verdict v = verdict(plan, trial);
  ASSERT_EQ(v.state, Verdict::State::Pass);
  EXPECT_GE(ticks, plan.min_ticks);
  EXPECT_GE(v.slos[0].health_evidence, 20);
  EXPECT_TRUE(v.no_harm);
  EXPECT_THAT(v.sentence, HasSubstr("PASS errors: "));
  EXPECT_THAT(v.sentence, HasSubstr("Proven \"at most 1.5x the baseline + 0.05 pp\""));
  EXPECT_THAT(v.sentence, HasSubstr("(needs 20:1)"));
}

TEST(Verdict, APassIsNotLatched) {
  const TrialPlan plan = errors_plan();
  Trial trial = after(plan, {}, {{7500, 0}, {7500, 5}}, 25);
  ASSERT_EQ(verdict(plan, trial).state, Verdict::State::Pass);
  trial = after(plan, trial, {{750, 30}, {750, 1}}, 3);
  EXPECT_NE(verdict(plan, trial).state, Verdict::State::Pass);
}

TEST(Verdict, TooFewRequestsTicksOrTooLittleCoverageDoNotPass) {
  TrialPlan plan = errors_plan();
  const SloTick good{{7500, 0}, {7500, 5}};
  EXPECT_NE(verdict(plan, after(plan, {}, good, 19)).state, Verdict::State::Pass);
  EXPECT_EQ(verdict(plan, after(plan, {}, good, 20)).state, Verdict::State::Pass);
  EXPECT_NE(verdict(plan, after(plan, after(plan, {}, {{}, {}, false}, 3), good, 20)).state, Verdict::State::Pass);
  EXPECT_NE(verdict(plan, after(plan, after(plan, {}, good, 40), {{}, {}, false})).state, Verdict::State::Pass);
  plan.min_requests = 1e6;
  EXPECT_NE(verdict(plan, after(plan, {}, good, 25)).state, Verdict::State::Pass);
}

TEST(Verdict, HoldComesBeforeFailureAndGoesAway) {
  const TrialPlan plan = errors_plan();
  Trial trial = after(plan, {}, {{75, 0}, {675, 1}}, 20);
  trial = after(plan, trial, {{75, 5}, {675, 0}});
  int more = 0;
  while (verdict(plan, trial).state == Verdict::State::Judging && ++more < 10) trial = after(plan, trial, {{75, 2}, {675, 1}});
  ASSERT_EQ(verdict(plan, trial).state, Verdict::State::Hold);
  EXPECT_EQ(verdict(plan, trial).slos[0].state, SloVerdict::State::Hold);
  EXPECT_THAT(verdict(plan, trial).sentence, HasSubstr("HOLD errors: "));
  EXPECT_FALSE(verdict(plan, trial).no_harm);
  trial = after(plan, trial, {{75, 0}, {675, 1}}, 60);
  EXPECT_EQ(verdict(plan, trial).state, Verdict::State::Judging);
  EXPECT_FALSE(verdict(plan, trial).no_harm) << "it stood at HOLD once";
}

TEST(Verdict, AFailureNamesEstimateEvidenceAndLimit) {
  const TrialPlan plan = errors_plan();
  Trial trial = after(plan, {}, {{750, 1}, {6750, 7}}, 10);
  while (!trial.failed) trial = after(plan, trial, {{750, 8}, {6750, 7}});
  const Verdict v = verdict(plan, trial);
  EXPECT_EQ(v.state, Verdict::State::Fail);
  EXPECT_EQ(v.slos[0].state, SloVerdict::State::Breach);
  EXPECT_GE(v.evidence, 100);
  EXPECT_THAT(v.sentence, HasSubstr("FAIL errors: "));
  EXPECT_THAT(v.sentence, HasSubstr("against \"at most 1.1x the baseline + 0.01 pp\" (needs 100:1)"));
  EXPECT_THAT(v.sentence, HasSubstr("canary requests failed, baseline 0.104% of "));
  EXPECT_THAT(v.sentence, HasSubstr("on average so far"));
  EXPECT_THAT(v.sentence, HasSubstr("uncalibrated"));
}

TEST(Verdict, TheEndWithoutProofIsInconclusiveAndNeverAPass) {
  TrialPlan plan = errors_plan();
  plan.tick_seconds = 15;
  const Trial trial = after(plan, {}, {{75, 0}, {675, 1}}, 40);
  EXPECT_EQ(verdict(plan, trial).state, Verdict::State::Judging);
  const Verdict v = final_verdict(plan, trial);
  EXPECT_EQ(v.state, Verdict::State::Inconclusive);
  EXPECT_EQ(name(v.state), "Inconclusive");
  EXPECT_TRUE(v.no_harm);
  EXPECT_THAT(v.sentence, HasSubstr("INCONCLUSIVE after 40 ticks in 10 min: neither proven good nor proven bad, which is not a pass. "
                                    "errors: "));
  EXPECT_THAT(v.sentence, HasSubstr("baseline 0.148% of 27,000 in 10 min"));
  // What was decided stays decided.
  EXPECT_EQ(final_verdict(plan, after(plan, {}, {{7500, 0}, {7500, 5}}, 25)).state, Verdict::State::Pass);
  EXPECT_EQ(final_verdict(plan, after(plan, {}, {{750, 80}, {6750, 7}}, 25)).state, Verdict::State::Fail);
}

TEST(Verdict, ACalibratedSentenceNamesPhiTheReplaysAndWhatTheyVouchFor) {
  TrialPlan plan = errors_plan();
  plan.calibration = {24, 1.2, {{1.5, true, 0}}, "2026-11-20"};
  const Verdict v = verdict(plan, after(plan, {}, {{750, 80}, {6750, 7}}, 25));
  EXPECT_EQ(v.state, Verdict::State::Fail);
  EXPECT_EQ(v.guarantee, Guarantee::Replayed);
  EXPECT_EQ(v.replays, 24);
  EXPECT_DOUBLE_EQ(v.slos[0].phi, 1.8);
  EXPECT_THAT(v.sentence, HasSubstr("Evidence is divided by 1.8 (phi* from 24 replays of 2026-11-20): at most 4% false rollbacks, "
                                    "whatever requests depend on."));
  EXPECT_EQ(verdict(errors_plan(), {}).guarantee, Guarantee::Estimated);
}

TEST(Verdict, OnePodThatHasTheBadRequestsIsNamedInTheSentence) {
  const TrialPlan plan = errors_plan();
  SloTick tick{{750, 25}, {6750, 7}};
  tick.canary_pods = 4;
  tick.worst_pods = {PodBad{pod_id("web-b"), 23}, PodBad{pod_id("web-a"), 1}, PodBad{pod_id("web-c"), 1}};
  const Verdict v = verdict(plan, after(plan, {}, tick, 6));
  ASSERT_EQ(v.state, Verdict::State::Fail);
  ASSERT_TRUE(v.slos[0].concentration);
  EXPECT_EQ(v.slos[0].concentration->pod, pod_id("web-b"));
  EXPECT_THAT(v.sentence, HasSubstr("92% of its bad requests come from 1 of 4 pods."));
  tick.worst_pods = {};
  EXPECT_FALSE(verdict(plan, after(plan, {}, tick, 6)).slos[0].concentration);
}

TEST(PodShares, TheWorstPodIsFoundAmongMoreThanThereArePlaces) {
  PodShares shares;
  std::mt19937_64 random(16);
  for (int t = 0; t < 500; ++t)
    shares.add({PodBad{pod_id("bad"), 2}, PodBad{static_cast<int>(1 + random() % 60), 1}, PodBad{}, PodBad{7, std::nan("")}}, 61);
  EXPECT_EQ(shares.worst().pod, pod_id("bad"));
  EXPECT_DOUBLE_EQ(shares.worst().bad, 1000);
  EXPECT_DOUBLE_EQ(shares.bad, 1500);
  EXPECT_EQ(shares.pods, 61);
}

TEST(Verdict, AFreshBaselineIsCalledSoAndItsSizeIsInTheForecast) {
  TrialPlan plan = errors_plan();
  const Verdict stable = verdict(plan, after(plan, {}, {{75, 0}, {675, 0}}, 10));
  plan.baseline = BaselineArm::Fresh;
  const Verdict fresh = verdict(plan, after(plan, {}, {{75, 0}, {75, 0}}, 10));
  EXPECT_THAT(fresh.sentence, HasSubstr("fresh baseline 0% of 750"));
  EXPECT_GT(*fresh.slos[0].forecast_requests, *stable.slos[0].forecast_requests);
  EXPECT_THAT(stable.sentence, testing::Not(HasSubstr("fresh")));
  EXPECT_NE(digest(plan), digest(errors_plan()));
}

TEST(Verdict, ADistributionShowsWhereItsQuantilesLie) {
  TrialPlan plan;
  plan.slos = {{.name = "latency",
                .kind = SloPlan::Kind::LatencyDistribution,
                .bounds = {{0.1, 0.5, 1.05, 1.3}, {0.5, 0.05, 1.2, 1.6}, {1, 0.005, 1.3, 1.6}}}};
  plan.fail_ticks = 3;  // a trial that has failed counts no more
  SloTick tick{{1000, 0}, {4000, 0}};
  tick.canary_above = {520, 160, 30};
  tick.baseline_above = {2000, 200, 20};
  const Verdict v = verdict(plan, after(plan, {}, tick, 10));
  ASSERT_EQ(v.slos[0].quantiles.size(), 3u);
  EXPECT_EQ(v.slos[0].quantiles[1].canary, (QuantileRange{0.5, 1}));
  EXPECT_EQ(v.slos[0].quantiles[2].canary.low, 1);
  EXPECT_EQ(v.slos[0].quantiles[2].baseline, (QuantileRange{0.5, 1}));
  EXPECT_THAT(v.sentence, HasSubstr("took longer than 500ms, baseline"));
  EXPECT_THAT(v.sentence, HasSubstr("p99 above 1s, baseline 500ms to 1s"));
}

TEST(Verdict, ALatencySentenceNamesTheBound) {
  TrialPlan plan;
  plan.slos = {{.name = "latency", .kind = SloPlan::Kind::Latency, .limit_text = "250ms"}};
  EXPECT_THAT(verdict(plan, after(plan, {}, {{100, 3}, {900, 20}}, 3)).sentence,
              HasSubstr("3% of 300 canary requests took longer than 250ms"));
}

TEST(Verdict, TheForecastIsAboutWhatItTakes) {
  TrialPlan plan = errors_plan();
  plan.min_ticks = 0;
  std::mt19937_64 random(11);
  double forecast = 0, needed = 0;
  for (int run = 0; run < 40; ++run) {
    const Traffic traffic{.rate = 50, .weight = 0.5, .base = 0.001};
    Trial trial;
    for (int t = 0; t < 8; ++t) trial = after(plan, trial, traffic.tick(random));
    const Verdict early = verdict(plan, trial);
    ASSERT_TRUE(early.slos[0].forecast_requests);
    forecast += *early.slos[0].forecast_requests;
    int t = 0;
    while (verdict(plan, trial).state != Verdict::State::Pass && ++t < 300) trial = after(plan, trial, traffic.tick(random));
    needed += verdict(plan, trial).canary_requests - early.canary_requests;
  }
  EXPECT_GT(needed / forecast, 0.4);
  EXPECT_LT(needed / forecast, 2.5);
}

TEST(RatioInterval, HoldsTheTruthAndNarrows) {
  std::mt19937_64 random(12);
  for (double truth : {0.5, 1.0, 3.0}) {
    int missed = 0, narrow = 0;
    for (int run = 0; run < 100; ++run) {
      RatioInterval interval;
      bool out = false;
      for (int t = 0; t < 120; ++t) {
        const SloTick tick = Traffic{.rate = 50, .weight = t < 60 ? 0.1 : 0.5, .base = 0.01, .ratio = truth}.tick(random);
        interval.add(tick.canary, tick.baseline);
        if (const auto r = interval.range(0.05, 1)) out = out || truth < r->low || truth > r->high;
      }
      missed += out;
      const auto last = interval.range(0.05, 1);
      ASSERT_TRUE(last);
      narrow += last->high / last->low < 2.2;
    }
    EXPECT_EQ(narrow, 100) << truth;
    EXPECT_LE(missed, 11) << truth;  // 5 expected at most; 11 or less with 99 %
  }
}

TEST(RatioInterval, AgreesWithTheDirectSum) {
  RatioInterval interval;
  std::mt19937_64 random(13);
  const double edge = std::log(64.0);
  std::array<double, 2001> direct{};
  for (int t = 0; t < 200; ++t) {
    const SloTick tick = Traffic{.rate = 500, .weight = 0.05 + 0.002 * t, .base = 0.01, .ratio = 2}.tick(random);
    interval.add(tick.canary, tick.baseline);
    for (int i = 0; i < 2001; ++i) {
      const double theta = std::exp(edge * (i / 1000.0 - 1));
      const double share = theta * tick.canary.total / (theta * tick.canary.total + tick.baseline.total);
      direct[i] += tick.canary.bad * std::log(share) + tick.baseline.bad * std::log1p(-share);
    }
  }
  double high = -HUGE_VAL, mix = 0, priors = 0;
  for (double d : direct) high = std::max(high, d);
  for (int i = 0; i < 2001; ++i) {
    const double u = edge * (i / 1000.0 - 1);
    const double prior = 1 / (1 + u * u / 0.49);
    priors += prior;
    mix += prior * std::exp(direct[i] - high);
  }
  const double needed = high + std::log(mix / priors) - std::log(20.0);
  int first = 0, last = 2000;
  while (direct[first] <= needed) ++first;
  while (direct[last] <= needed) --last;
  const auto range = interval.range(0.05, 1);
  ASSERT_TRUE(range);
  EXPECT_NEAR(std::log(range->low), edge * (first / 1000.0 - 1), 0.006);
  EXPECT_NEAR(std::log(range->high), edge * (last / 1000.0 - 1), 0.006);
}

TEST(RatioInterval, NothingSeenExcludesNothing) {
  EXPECT_FALSE(RatioInterval{}.range(0.05, 1));
  RatioInterval one_sided;
  one_sided.add({1000, 20}, {1000, 0});
  ASSERT_TRUE(one_sided.range(0.05, 1));
  EXPECT_FALSE(one_sided.range(0.05, 1)->bounded());
}

TEST(Overdispersion, IndependentRequestsComeOutNearOneAndBurstsDoNot) {
  std::mt19937_64 random(14);
  Overdispersion calm, bursty;
  RateRatio calm_ratio, bursty_ratio;
  EXPECT_DOUBLE_EQ(calm.phi(), 2);
  for (int t = 0; t < 2000; ++t) {
    const SloTick tick = Traffic{.rate = 50, .weight = 0.25, .base = 0.01}.tick(random);
    calm_ratio.add(tick.canary, tick.baseline);
    calm.add(tick.canary, tick.baseline, calm_ratio.shrunk());
    SloTick burst = Traffic{.rate = 50, .weight = 0.25, .base = 0.001}.tick(random);
    burst.canary.bad = std::min(burst.canary.total, burst.canary.bad * 8);
    burst.baseline.bad = std::min(burst.baseline.total, burst.baseline.bad * 8);
    bursty_ratio.add(burst.canary, burst.baseline);
    bursty.add(burst.canary, burst.baseline, bursty_ratio.shrunk());
  }
  EXPECT_LT(calm.phi(), 1.5);
  EXPECT_GT(bursty.phi(), 5);
}

TEST(Overdispersion, ABadCanaryIsNotMistakenForBurstiness) {
  std::mt19937_64 random(15);
  Overdispersion spread;
  RateRatio ratio;
  for (int t = 0; t < 200; ++t) {
    const SloTick tick = Traffic{.rate = 50, .weight = 0.1, .base = 0.01, .ratio = 10}.tick(random);
    ratio.add(tick.canary, tick.baseline);
    spread.add(tick.canary, tick.baseline, ratio.shrunk());
  }
  EXPECT_LT(spread.phi(), 2.2);
}

TEST(Sentence, NumbersAreWrittenForPeople) {
  EXPECT_EQ(with_commas(41200.4), "41,200");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(as_percent(0.00213), "0.213%");
  EXPECT_EQ(as_percent(0), "0%");
}

}  // namespace
}  // namespace sluice::judge
