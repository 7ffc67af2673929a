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

TEST(Outlook, ItsTimesAreThoseTheJudgeNeeds) {
  struct Setting {
    double rate, base, weight, ratio;
  };
  for (const bool is_calibrated : {true, false}) {
    double log_sum = 0, log_slow = 0;
    int count = 0;
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
      const auto ticks = simulated(s, x.weight, x.ratio, 200);
      const double forecast = *seconds_to_fail(s, x.weight, x.ratio) / s.tick_seconds;
      const double median = ticks[ticks.size() / 2] / forecast, slow = ticks[ticks.size() * 19 / 20] / forecast;
      const std::string where = ::testing::PrintToString(std::vector<double>{x.rate, x.base, x.weight, x.ratio});
      EXPECT_GT(median, 0.7) << where;
      EXPECT_LT(median, 1.4) << where;
      log_sum += std::log(median * s.efficiency().fail);
      log_slow += std::log(slow * s.efficiency().fail);
      ++count;
    }
    const Efficiency printed = is_calibrated ? kCalibrated : kUncalibrated;
    EXPECT_NEAR(std::exp(log_sum / count), printed.fail, 0.1 * printed.fail);
    EXPECT_NEAR(std::exp(log_slow / count), printed.fail_slow, 0.1 * printed.fail_slow);
  }
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
