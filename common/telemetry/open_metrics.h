// The OpenMetrics form of what Registry::text() says, which may carry exemplars: for a bucket of a histogram the trace of a
// request that fell into it, so that from a slow one on a dashboard there is a way to what happened. Pure.
// Source: https://github.com/OpenObservability/OpenMetrics/blob/main/specification/OpenMetrics.md
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::metrics {

struct Exemplar {
  std::string trace_id{};
  double value = 0;
};

// By series, as the text has it but for the label le ("x_seconds{method=\"GET\"}", labels in their order), and within it by
// the bucket's upper bound: the latest of each.
using Exemplars = std::map<std::string, std::map<double, Exemplar>>;

// Keeps it in its bucket; bounds are the histogram's.
void remember(Exemplars& exemplars, const std::string& series, const std::vector<double>& bounds, Exemplar exemplar);

inline constexpr std::string_view kOpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

// text: exposition format 0.0.4, as Registry writes it.
std::string to_open_metrics(std::string_view text, const Exemplars& exemplars);

}  // namespace sluice::metrics
