#include "common/telemetry/metrics.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, TheTextShowsEachSeriesWithItsLabels) {
  Registry registry;
  registry.counter("writes_total", "Writes.", {{"kind", "Rollout"}}).add(2);
  registry.gauge("weight", "Weight.").set(0.25);
  registry.histogram("wait_seconds", "Waits.", {0.1, 1}, {{"queue", "a"}}).observe(0.5);
  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("# TYPE writes_total counter\nwrites_total{kind=\"Rollout\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE weight gauge\nweight 0.25\n"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{queue=\"a\",le=\"0.1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{queue=\"a\",le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{queue=\"a\",le=\"+Inf\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_count{queue=\"a\"} 1\n"));
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameSeries) {
  Registry registry;
  registry.counter("a_total", "A.").add();
  registry.counter("a_total", "A.").add();
  EXPECT_EQ(registry.counter("a_total", "A.").value(), 2);
}

TEST(Metrics, ARemovedSeriesIsGoneAndItsHandleHarmless) {
  Registry registry;
  const Gauge web = registry.gauge("weight", "W.", {{"namespace", "shop"}, {"rollout", "web"}});
  registry.gauge("weight", "W.", {{"namespace", "shop"}, {"rollout", "api"}}).set(1);
  registry.counter("steps_total", "S.", {{"namespace", "shop"}, {"rollout", "web"}, {"step", "1"}}).add();
  EXPECT_EQ(registry.remove_everywhere({{"namespace", "shop"}, {"rollout", "web"}}), 2U);
  web.set(7);
  EXPECT_THAT(registry.text(), Not(HasSubstr("web")));
  EXPECT_THAT(registry.text(), HasSubstr("rollout=\"api\""));
  EXPECT_EQ(registry.remove("weight", {{"rollout", "api"}}), 1U);
  EXPECT_EQ(registry.text(), "");
}

TEST(Metrics, LabelValuesAreEscaped) {
  Registry registry;
  registry.gauge("g", "G.", {{"v", "a\"b\\c\nd"}}).set(1);
  EXPECT_THAT(registry.text(), HasSubstr(R"(g{v="a\"b\\c\nd"} 1)"));
}

TEST(Metrics, GaugesMayBeRefreshedBeforeTheText) {
  Registry registry;
  int depth = 3;
  const Gauge gauge = registry.gauge("depth", "D.");
  registry.before_text([&] { gauge.set(depth); });
  EXPECT_THAT(registry.text(), HasSubstr("depth 3\n"));
  depth = 4;
  EXPECT_THAT(registry.text(), HasSubstr("depth 4\n"));
}

TEST(Metrics, CountingFromManyThreadsLosesNothing) {
  Registry registry;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) registry.counter("n_total", "N.", {{"k", std::to_string(k % 7)}}).add();
    });
  }
  for (auto& thread : threads) thread.join();
  double sum = 0;
  for (int k = 0; k < 7; ++k) sum += registry.counter("n_total", "N.", {{"k", std::to_string(k)}}).value();
  EXPECT_EQ(sum, 4000);
}

TEST(MetricsDeathTest, AnotherTypeUnderTheSameNameEndsTheProgram) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        Registry registry;
        registry.counter("a_total", "A.");
        registry.gauge("a_total", "A.");
      },
      "metric 'a_total'");
}

TEST(Metrics, TheDurationBoundsHaveAnEdgeAtTheObjective) {
  for (const auto* bounds : {&request_duration_bounds(), &dependency_duration_bounds()}) {
    EXPECT_NE(std::find(bounds->begin(), bounds->end(), 0.25), bounds->end());
  }
}

}  // namespace
}  // namespace sluice::metrics
