#include "tests/bench/judge/traffic.h"

#include <gtest/gtest.h>
#include <cmath>
#include <functional>

namespace sluice::bench {
namespace {

Scenario scenario(Model model, double base = 0.01, double weight = 0.5, double rps = 50) {
  Scenario s;
  s.model = model;
  s.rps = rps;
  s.base = base;
  s.weight = weight;
  s.history = 0;
  return s;
}

// All ticks of `runs` runs.
void play(const Scenario& s, int runs, const std::function<void(int run, int tick, const Tick&)>& look) {
  for (int run = 0; run < runs; ++run) {
    Traffic traffic(s, run_seed(7, name(s.model), static_cast<std::uint64_t>(run)));
    for (int t = 0; t < s.ticks; ++t) look(run, t, traffic.next());
  }
}

struct Sums {
  judge::Counts canary, baseline;
};

Sums sums(const Scenario& s, int runs) {
  Sums all;
  play(s, runs, [&](int, int, const Tick& tick) {
    if (!tick.counts.present) return;
    all.canary += tick.counts.canary;
    all.baseline += tick.counts.baseline;
  });
  return all;
}

TEST(Traffic, BothArmsHaveTheRatesOfTheScenario) {
  for (const Model model : {Model::Independent, Model::Bursts, Model::PodNoise, Model::PodEffects, Model::Diurnal, Model::MissingScrapes}) {
    Scenario s = scenario(model, 0.01, 0.3);
    s.canary = {2, 0.001};
    const Sums all = sums(s, 100);
    const double requests = s.rps * Scenario::kSeconds * s.ticks * 100;
    // A night has fewer requests than a day; pods wander.
    EXPECT_NEAR(all.canary.total / (0.3 * requests), 1, model == Model::Diurnal ? 0.15 : 0.01) << name(model);
    EXPECT_NEAR(all.baseline.total / (0.7 * requests), 1, model == Model::Diurnal ? 0.15 : 0.01) << name(model);
    EXPECT_NEAR(all.canary.ratio(), 0.021, 0.0016) << name(model);
    EXPECT_NEAR(all.baseline.ratio(), 0.01, 0.0008) << name(model);
  }
}

TEST(Traffic, TheTruthIsWhatWasDrawnFrom) {
  for (const Model model : kModels) {
    if (model == Model::CounterResets || model == Model::MissingScrapes) continue;  // these lose or delay what was drawn
    const Scenario s = scenario(model, 0.02, 0.2);
    double expected = 0, bad = 0, requests = 0, total = 0;
    play(s, 40, [&](int, int, const Tick& tick) {
      expected += tick.truth.n1 * tick.truth.p1 + tick.truth.n0 * tick.truth.p0;
      bad += tick.counts.canary.bad + tick.counts.baseline.bad;
      requests += tick.truth.n1 + tick.truth.n0;
      total += tick.counts.canary.total + tick.counts.baseline.total;
    });
    EXPECT_NEAR(bad / expected, 1, 0.01) << name(model);
    EXPECT_NEAR(total / requests, 1, 0.002) << name(model);
  }
}

// Mean and variance of the bad requests of a tick, over many ticks.
std::pair<double, double> moments(const Scenario& s, Traffic::Grain grain) {
  double sum = 0, squares = 0;
  constexpr int kRuns = 60;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    Traffic traffic(s, run_seed(11, name(s.model), run), grain);
    for (int t = 0; t < s.ticks; ++t) {
      const judge::SloTick tick = traffic.next().counts;
      const double bad = tick.canary.bad + 3 * tick.baseline.bad;  // either arm shows
      sum += bad;
      squares += bad * bad;
    }
  }
  const double n = kRuns * s.ticks;
  return {sum / n, squares / n - sum * sum / (n * n)};
}

TEST(Traffic, ArmsDrawnAtOnceAreTheSumsOfTheirPods) {
  for (const Model model : kModels) {
    const Scenario s = scenario(model, 0.02, 0.3);
    const auto [mean, variance] = moments(s, Traffic::Grain::Arms);
    const auto [of_pods, variance_of_pods] = moments(s, Traffic::Grain::Pods);
    EXPECT_NEAR(mean / of_pods, 1, 0.02) << name(model);
    EXPECT_NEAR(variance / variance_of_pods, 1, 0.06) << name(model);
  }
}

TEST(Traffic, TheSameSeedGivesTheSameTicks) {
  Traffic one(scenario(Model::PodNoise), 5), same(scenario(Model::PodNoise), 5), other(scenario(Model::PodNoise), 6);
  int differ = 0;
  for (int t = 0; t < 100; ++t) {
    const judge::Counts canary = one.next().counts.canary;
    EXPECT_EQ(canary, same.next().counts.canary);
    differ += !(canary == other.next().counts.canary);
  }
  EXPECT_GT(differ, 90);
}

// Variance over mean of the failures of a tick: 1 for independent ones; E[size^2]/E[size] = 9 for geometric bursts of mean 5.
TEST(Traffic, BurstsMakeFailuresNineTimesAsUneven) {
  for (const auto& [model, expected] : {std::pair{Model::Independent, 1.0}, {Model::Bursts, 9.0}}) {
    double sum = 0, square = 0, n = 0;
    play(scenario(model), 60, [&](int, int, const Tick& tick) {
      sum += tick.counts.canary.bad;
      square += tick.counts.canary.bad * tick.counts.canary.bad;
      n += 1;
    });
    const double mean = sum / n;
    EXPECT_NEAR((square / n - mean * mean) / mean, expected, 0.06 * expected) << name(model);
  }
}

// The logarithm of a canary pod's rate: standard deviation 0.6, autocorrelation 0.8 (one pod in the arm, so its mean is the pod's).
TEST(Traffic, PodsWanderWithAMemory) {
  double square = 0, product = 0, n = 0, last = 0, mean = 0;
  play(scenario(Model::PodNoise, 0.01, 0.1), 60, [&](int, int tick, const Tick& t) {
    const double x = std::log(t.truth.p1 / 0.01) + 0.6 * 0.6 / 2;
    if (tick > 0) {
      product += x * last;
      square += x * x;
      mean += x;
      n += 1;
    }
    last = x;
  });
  EXPECT_NEAR(mean / n, 0, 0.03);
  EXPECT_NEAR(std::sqrt(square / n), 0.6, 0.02);
  EXPECT_NEAR(product / square, 0.8, 0.02);
}

TEST(Traffic, PodsThatDifferForGoodDoNotChangeDuringARun) {
  double square = 0;
  play(scenario(Model::PodEffects, 0.01, 0.1), 2000, [&, first = 0.0](int, int tick, const Tick& t) mutable {
    if (tick == 0) {
      first = t.truth.p1;
      square += std::pow(std::log(first / 0.01) + 0.2 * 0.2 / 2, 2);
    }
    ASSERT_EQ(t.truth.p1, first);
  });
  EXPECT_NEAR(std::sqrt(square / 2000), 0.2, 0.01);
}

TEST(Traffic, AnOutageHitsBothArmsForTwoMinutes) {
  play(scenario(Model::CommonOutage), 50, [&, in = 0](int, int tick, const Tick& t) mutable {
    if (tick == 0) in = 0;
    ASSERT_EQ(t.truth.p1, t.truth.p0);
    in += t.truth.p0 > 0.1;
    if (tick == 479) { ASSERT_EQ(in, 8); }
  });
}

TEST(Traffic, AStepOfTheWeightIsAnnounced) {
  play(scenario(Model::WeightSteps, 0.01, 0.1), 2, [&](int, int tick, const Tick& t) {
    const double weight = t.truth.n1 / (t.truth.n1 + t.truth.n0);
    EXPECT_NEAR(weight, tick < 120 ? 0.1 : tick < 240 ? 0.2 : tick < 360 ? 0.4 : 0.5, 1e-12) << tick;
    EXPECT_EQ(t.new_weight, tick % 120 == 0) << tick;
    if (tick == 479) { EXPECT_NEAR(t.truth.p0, 0.03, 0.0001); }
  });
}

TEST(Traffic, ASmallerCounterIsANewBeginning) {
  EXPECT_EQ(increase(100, 130), 30);
  EXPECT_EQ(increase(100, 7), 7);
  EXPECT_EQ(increase(100, 100), 0);
}

// A pod restarts once in 240 ticks and loses half a tick each time, what it counts after the restart included; nothing else changes.
TEST(Traffic, ResetsLoseAboutHalfATickEach) {
  const Scenario s = scenario(Model::CounterResets, 0.01, 0.5, 500);
  const Sums all = sums(s, 20);
  const double requests = s.rps * Scenario::kSeconds * s.ticks * 20;
  const double lost = 1 - (all.canary.total + all.baseline.total) / requests;
  EXPECT_NEAR(lost, 0.5 / 240, 0.0004);
  EXPECT_NEAR(all.canary.ratio(), 0.01, 0.0002);
}

TEST(Traffic, AMissedScrapeComesWithTheNextAndATickWithoutAnArmIsAbsent) {
  const Scenario s = scenario(Model::MissingScrapes, 0.01, 0.1);  // one canary pod
  int absent = 0, bridged = 0, ticks = 0;
  play(s, 40, [&](int, int, const Tick& t) {
    ++ticks;
    absent += !t.counts.present;
    if (t.counts.present) bridged += t.counts.bridges;
  });
  EXPECT_NEAR(absent / static_cast<double>(ticks), 0.2, 0.01);
  EXPECT_NEAR(bridged, absent, 40);  // the last ones of a run are not made up for
}

TEST(Traffic, HarmBeginsAtTheOnsetAndHistoryHasNoCanary) {
  Scenario s = scenario(Model::Independent);
  s.canary = {5, 0};
  s.onset = 10;
  s.history = 3;
  Traffic traffic(s, 1);
  for (int t = -3; t < 20; ++t) {
    const Tick tick = traffic.next();
    EXPECT_EQ(tick.truth.n1 > 0, t >= 0);
    if (t >= 0) { EXPECT_NEAR(tick.truth.p1, t < 10 ? 0.01 : 0.05, 1e-12); }
    EXPECT_EQ(tick.new_weight, t == 0);
  }
}

TEST(Traffic, PodsAreComparedOverTicksOfOneWeight) {
  Traffic traffic(scenario(Model::WeightSteps, 0.01, 0.1, 5000), 1);
  for (int t = 0; t < 480; ++t) traffic.next();
  const auto pods = traffic.pods();
  // The last of four steps; were the first ones in it, the canary's pod, which had little traffic then, would seem the worse.
  for (const auto half : {&judge::PodHalves::first, &judge::PodHalves::second}) {
    const judge::Counts canary = pods[0].*half, baseline = pods[9].*half;
    EXPECT_NEAR((canary.total + baseline.total) / (5000 * Scenario::kSeconds * 60 * (0.5 + 0.5 / 9)), 1, 0.01);
    EXPECT_NEAR(canary.ratio() / baseline.ratio(), 1, 0.03);
  }
}

TEST(Traffic, PodsAddUpToTheArms) {
  Traffic traffic(scenario(Model::Independent, 0.05, 0.3), 1);
  judge::Counts canary, baseline;
  for (int t = 0; t < 50; ++t) {
    const Tick tick = traffic.next();
    canary += tick.counts.canary;
    baseline += tick.counts.baseline;
    EXPECT_EQ(tick.counts.canary_pods, 3);
    EXPECT_EQ(tick.counts.baseline_pods, 7);
  }
  const auto pods = traffic.pods();
  ASSERT_EQ(pods.size(), 10U);
  judge::Counts first, rest;
  for (std::size_t i = 0; i < 10; ++i)
    for (const judge::Counts& half : {pods[i].first, pods[i].second}) (i < 3 ? first : rest) += half;
  EXPECT_EQ(first, canary);
  EXPECT_EQ(rest, baseline);
}

}  // namespace
}  // namespace sluice::bench
