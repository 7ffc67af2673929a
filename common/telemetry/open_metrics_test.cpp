#include "common/telemetry/open_metrics.h"

#include <gtest/gtest.h>

#include "common/telemetry/metrics.h"

namespace sluice::metrics {
namespace {

TEST(OpenMetrics, CountersAreFamiliesWithoutTheirTotalAndTheTextHasAnEnd) {
  Registry registry;
  registry.counter("jobs_total", "Of jobs_total, all.", {{"kind", "a"}}).add(2);
  registry.gauge("depth", "Now.").set(3);
  EXPECT_EQ(to_open_metrics(registry.text(), {}),
            "# HELP depth Now.\n# TYPE depth gauge\ndepth 3\n"
            "# HELP jobs Of jobs_total, all.\n# TYPE jobs counter\njobs_total{kind=\"a\"} 2\n# EOF\n");
}

TEST(OpenMetrics, ABucketCarriesTheTraceOfItsLatest) {
  Registry registry;
  const std::vector<double> bounds{0.1, 0.25};
  const auto histogram = registry.histogram("x_seconds", "X.", bounds, {{"method", "GET"}, {"route", "/"}});
  Exemplars exemplars;
  for (const auto& [trace, value] : {std::pair("first", 0.2), {"second", 0.25}, {"late", 7.0}}) {
    histogram.observe(value);
    remember(exemplars, "x_seconds{method=\"GET\",route=\"/\"}", bounds, {trace, value});
  }
  const std::string text = to_open_metrics(registry.text(), exemplars);
  EXPECT_NE(text.find("x_seconds_bucket{method=\"GET\",route=\"/\",le=\"0.1\"} 0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("x_seconds_bucket{method=\"GET\",route=\"/\",le=\"0.25\"} 2 # {trace_id=\"second\"} 0.25\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("x_seconds_bucket{method=\"GET\",route=\"/\",le=\"+Inf\"} 3 # {trace_id=\"late\"} 7\n"), std::string::npos) << text;
  EXPECT_NE(text.find("x_seconds_count{method=\"GET\",route=\"/\"} 3\n"), std::string::npos) << text;
}

TEST(OpenMetrics, AHistogramWithoutLabelsMayHaveThemToo) {
  Registry registry;
  registry.histogram("x_seconds", "X.", {0.1}).observe(0.05);
  Exemplars exemplars;
  remember(exemplars, "x_seconds{}", {0.1}, {"t", 0.05});
  EXPECT_NE(to_open_metrics(registry.text(), exemplars).find("x_seconds_bucket{le=\"0.1\"} 1 # {trace_id=\"t\"} 0.05\n"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::metrics
