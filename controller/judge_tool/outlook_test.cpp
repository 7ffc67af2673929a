#include "controller/judge_tool/outlook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <random>

#include "controller/judge/traffic_for_test.h"
#include "controller/judge/verdict.h"
#include "controller/judge_tool/outlook_plot.h"

namespace sluice::judge_tool {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

Situation situation(double rate, double base) {
  Situation s;
  s.rate = rate;
  s.base = base;
  s.plan.slos.resize(1);
  s.plan.slos[0].name = "errors";
  return s;
}

// Ticks until the real judge fails simulated rollouts, sorted.
std::vector<double> simulated(const Situation& s, double weight, double ratio, int runs) {
  auto rules = judge::Rules::of(s.plan);
  std::vector<double> ticks;
  std::mt19937_64 random(7);
  const judge::Traffic traffic{s.rate, weight, s.tick_seconds, s.base, ratio};
  for (int run = 0; run < runs; ++run) {
    judge::Trial trial = judge::begin(*rules);
    while (!trial.failed && trial.ticks < 20'000) {
      const judge::SloTick tick = traffic.tick(random);
      EXPECT_TRUE(judge::advance(*rules, trial, {&tick, 1}));
    }
    ticks.push_back(trial.ticks);
  }
  std::sort(ticks.begin(), ticks.end());
  return ticks;
}

// The situation as the judge sees it once it is calibrated and the past showed independent errors.
Situation calibrated(Situation s) {
  s.phi = 1;
  s.plan.calibration.windows = 99;
  s.plan.calibration.slos.resize(1);
  return s;
}

// Over several settings: how many times the fewest ticks the judge took, beside what is printed.
struct Took {
  double log_sum = 0, log_slow = 0;
  int count = 0;

  // `ticks` are sorted. The ratio of the median to the forecast.
  double add(const Situation& s, const std::vector<double>& ticks, double weight, double ratio) {
    const double forecast = *seconds_to_fail(s, weight, ratio) / s.tick_seconds;
    const double median = ticks[ticks.size() / 2] / forecast, slow = ticks[ticks.size() * 19 / 20] / forecast;
    log_sum += std::log(median * s.efficiency().fail);
    log_slow += std::log(slow * s.efficiency().fail);
    ++count;
    return median;
  }
  void expect(const Efficiency& printed) const {
    EXPECT_NEAR(std::exp(log_sum / count), printed.fail, 0.1 * printed.fail);
    EXPECT_NEAR(std::exp(log_slow / count), printed.fail_slow, 0.1 * printed.fail_slow);
  }
};

TEST(Outlook, ItsTimesAreThoseTheJudgeNeeds) {
  struct Setting {
    double rate, base, weight, ratio;
  };
  for (const bool is_calibrated : {true, false}) {
    Took took;
    for (const Setting& x : {Setting{50, 0.01, 0.1, 2},
                             {50, 0.001, 0.1, 5},
                             {500, 0.001, 0.1, 2},
                             {500, 0.01, 0.1, 1.5},
                             {50, 0.01, 0.5, 2},
                             {5, 0.01, 0.1, 5},
                             {500, 0.001, 0.5, 2},
                             {50, 0.01, 0.05, 2},
                             {5, 0.01, 0.25, 3}}) {
      Situation s = situation(x.rate, x.base);
      if (is_calibrated) s = calibrated(s);
      const double median = took.add(s, simulated(s, x.weight, x.ratio, 200), x.weight, x.ratio);
      const std::string where = ::testing::PrintToString(std::vector<double>{x.rate, x.base, x.weight, x.ratio});
      EXPECT_GT(median, 0.7) << where;
      EXPECT_LT(median, 1.4) << where;
    }
    took.expect(is_calibrated ? kCalibrated : kUncalibrated);
  }
}

// Requests of log-normal length: half of them take less than 60 ms, one in forty more than 290 ms.
double share_longer(double seconds) { return 0.5 * std::erfc((std::log(seconds) - std::log(0.06)) / 0.8 / std::sqrt(2.0)); }

Situation latency_situation(double rate) {
  Situation s = situation(rate, 0.001);
  s.plan.slos[0].kind = judge::SloPlan::Kind::LatencyDistribution;
  s.plan.slos[0].slowdown = 0.05;
  s.latency.emplace();
  s.latency->total = 1e6;
  for (const double bound : {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0}) {
    s.latency->bounds.push_back(bound);
    s.latency->above.push_back(std::round(1e6 * share_longer(bound)));
  }
  s.plan.slos[0].bounds = *judge::choose_bounds(*s.latency, s.plan.slos[0].slowdown);
  return s;
}

// Ticks until the real judge fails canaries that take `ratio` times as long, or passes equal ones (ratio 1), sorted.
std::vector<double> simulated_latency(const Situation& s, double weight, double ratio, int runs) {
  const auto rules = judge::Rules::of(s.plan);
  const auto& bounds = s.plan.slos[0].bounds;
  std::mt19937_64 random(11);
  const auto arm = [&](double mean, double slower, judge::Counts& counts, judge::Above& above) {
    long left = std::poisson_distribution<long>(mean)(random);
    counts.total = static_cast<double>(left);
    double share_left = 1;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const double share = share_longer(bounds[i].seconds / slower);
      left = std::binomial_distribution<long>(left, std::min(1.0, share / share_left))(random);
      share_left = share;
      above[i] = static_cast<double>(left);
    }
  };
  std::vector<double> ticks;
  for (int run = 0; run < runs; ++run) {
    judge::Trial trial = judge::begin(*rules);
    do {
      judge::SloTick tick;
      arm(s.rate * s.tick_seconds * weight, ratio, tick.canary, tick.canary_above);
      arm(s.rate * s.tick_seconds * (1 - weight), 1, tick.baseline, tick.baseline_above);
      EXPECT_TRUE(judge::advance(*rules, trial, {&tick, 1}));
    } while (!trial.failed && trial.ticks < 20'000 && (ratio > 1 || judge::verdict(*rules, trial).state != judge::Verdict::State::Pass));
    ticks.push_back(trial.ticks);
  }
  std::sort(ticks.begin(), ticks.end());
  return ticks;
}

TEST(Outlook, TheTimesOfALatencyDistributionAreThoseTheJudgeNeeds) {
  struct Setting {
    double rate, weight, ratio;
  };
  for (const bool is_calibrated : {true, false}) {
    Took took;
    for (const Setting& x : {Setting{5, 0.1, 1.5}, {5, 0.25, 1.3}, {50, 0.05, 1.2}, {50, 0.5, 1.15}, {5, 0.1, 2}}) {
      Situation s = latency_situation(x.rate);
      if (is_calibrated) s = calibrated(s);
      const double median = took.add(s, simulated_latency(s, x.weight, x.ratio, 80), x.weight, x.ratio);
      const std::string where = ::testing::PrintToString(std::vector<double>{x.rate, x.weight, x.ratio});
      EXPECT_GT(median, 0.6) << where;
      EXPECT_LT(median, 1.6) << where;
    }
    took.expect(is_calibrated ? kCalibratedLatency : kUncalibratedLatency);
    // Uncalibrated, the first estimate of clumpiness weighs more the fewer ticks it takes.
    for (const double rate : {10, 50}) {
      Situation s = latency_situation(rate);
      if (is_calibrated) s = calibrated(s);
      EXPECT_NEAR(simulated_latency(s, 0.1, 1, 40)[20] * s.tick_seconds / *seconds_to_pass(s, 0.1), 1, is_calibrated ? 0.25 : 0.35)
          << is_calibrated << " " << rate;
    }
  }
}

TEST(Outlook, ASlowDownThatIsToleratedIsNeverProven) {
  const Situation s = latency_situation(50);
  EXPECT_FALSE(seconds_to_fail(s, 0.1, 1.04));
  EXPECT_THAT(advice(s, 0.1, 1.04), Contains(HasSubstr("a slow-down of 5%")));
  EXPECT_GT(*seconds_to_fail(s, 0.1, 1.1), *seconds_to_fail(s, 0.1, 1.5));
  EXPECT_NE(plot(s, {0.1}).find("how many times as long"), std::string::npos);
}

TEST(Outlook, APromotionTakesWhatItSays) {
  for (const bool is_calibrated : {true, false})
    for (const double weight : {0.1, 0.5}) {
      Situation s = situation(50, 0.001);
      if (is_calibrated) s = calibrated(s);
      auto rules = judge::Rules::of(s.plan);
      std::mt19937_64 random(3);
      const judge::Traffic traffic{s.rate, weight, s.tick_seconds, s.base, 1};
      std::vector<double> ticks;
      for (int run = 0; run < 100; ++run) {
        judge::Trial trial = judge::begin(*rules);
        do {
          const judge::SloTick tick = traffic.tick(random);
          ASSERT_TRUE(judge::advance(*rules, trial, {&tick, 1}));
        } while (judge::verdict(*rules, trial).state != judge::Verdict::State::Pass && trial.ticks < 5'000);
        ticks.push_back(trial.ticks);
      }
      std::sort(ticks.begin(), ticks.end());
      EXPECT_NEAR(ticks[50] * s.tick_seconds / *seconds_to_pass(s, weight), 1, 0.25) << is_calibrated << " " << weight;
    }
}

TEST(Outlook, MoreWeightTrafficAndEffectTakeLessTime) {
  const Situation s = situation(50, 0.001);
  EXPECT_GT(*seconds_to_fail(s, 0.05, 2), *seconds_to_fail(s, 0.1, 2));
  EXPECT_GT(*seconds_to_fail(s, 0.1, 2), *seconds_to_fail(s, 0.1, 5));
  EXPECT_NEAR(*seconds_to_fail(situation(5, 0.001), 0.1, 2) / *seconds_to_fail(s, 0.1, 2), 10, 1e-6);
  EXPECT_EQ(*seconds_to_fail(situation(1e6, 0.01), 0.5, 50), 45) << "never less than three ticks";
  Situation even = s, clumpy = s;
  even.phi = 1;
  clumpy.phi = 3;
  EXPECT_NEAR(*seconds_to_fail(clumpy, 0.1, 2) / *seconds_to_fail(even, 0.1, 2), 3, 1e-6);
  EXPECT_LT(*seconds_to_fail(even, 0.1, 2), *seconds_to_fail(s, 0.1, 2));
}

TEST(Outlook, WhatIsToleratedIsNeverProven) {
  const Situation s = situation(50, 0.001);
  EXPECT_FALSE(seconds_to_fail(s, 0.1, 1.05));
  EXPECT_THAT(advice(s, 0.1, 1.05),
              Contains(HasSubstr("It lies within what is tolerated (0.12% of the requests may be bad, it makes 0.105%)")));
  EXPECT_TRUE(seconds_to_fail(s, 0.1, 1.3));
}

TEST(Outlook, AnObjectiveFindsWhatTheBaselineHides) {
  Situation s = situation(50, 0.001);
  s.plan.slos[0].relative = 100;  // only the objective is left
  EXPECT_FALSE(seconds_to_fail(s, 0.1, 20));
  s.plan.slos[0].objective = 0.999;
  ASSERT_TRUE(seconds_to_fail(s, 0.1, 20));
  EXPECT_LT(*seconds_to_fail(s, 0.1, 20), 1'800);
  EXPECT_FALSE(seconds_to_fail(s, 0.1, 9)) << "burn 10 is tolerated";
}

TEST(Outlook, AdviceGivesNumbersThatHoldWhatTheyPromise) {
  Situation s = situation(50, 0.001);
  EXPECT_THAT(advice(s, 0.5, 5), IsEmpty());
  const auto lines = advice(s, 0.05, 2);
  EXPECT_THAT(lines, Contains(HasSubstr("Higher weight: at 20% it takes")));
  EXPECT_THAT(lines, Contains(HasSubstr("which is in time")));
  EXPECT_LE(*seconds_to_fail(s, 0.20, 2), s.max_seconds);
  EXPECT_GT(*seconds_to_fail(s, 0.15, 2), s.max_seconds);
  EXPECT_THAT(lines, Contains(HasSubstr("Longer: maxDuration of")));
  EXPECT_THAT(lines, Contains(HasSubstr("More traffic:")));
  const double ratio = *smallest_ratio(s, 0.05, s.max_seconds);
  EXPECT_NEAR(*seconds_to_fail(s, 0.05, ratio), s.max_seconds, 1);
  s.rate = 0.01;
  EXPECT_FALSE(smallest_ratio(s, 0.05, 60));
}

TEST(OutlookPlot, IsOneWholePictureWithALinePerWeight) {
  const std::string svg = plot(situation(50, 0.001), {0.05, 0.1, 0.5});
  EXPECT_THAT(svg, HasSubstr("<svg xmlns"));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  std::size_t lines = 0;
  for (std::size_t at = svg.find("<polyline"); at != std::string::npos; at = svg.find("<polyline", at + 1)) ++lines;
  EXPECT_EQ(lines, 3u);
  EXPECT_THAT(svg, HasSubstr(">5% weight<"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(OutlookPlot, SurvivesSituationsInWhichNothingCanBeProven) {
  EXPECT_EQ(plot(situation(1e-6, 0.001), {0.1}).find("<polyline"), std::string::npos);
  EXPECT_NE(plot(situation(1e9, 0.9), {0.1}).find("</svg>"), std::string::npos);
}

}  // namespace
}  // namespace sluice::judge_tool
