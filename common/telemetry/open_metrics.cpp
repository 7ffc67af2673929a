#include "common/telemetry/open_metrics.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace sluice::metrics {
namespace {

constexpr std::string_view kTotal = "_total";

// Takes a line, without its end.
std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

// "# TYPE name type" of a counter that is called as OpenMetrics wants it: its family is the name without "_total".
bool is_counter(std::string_view type_line) { return type_line.ends_with("_total counter"); }

// The line about a family, for the family without "_total".
std::string without_total(std::string_view line) {
  std::string out(line);
  out.erase(line.find(kTotal), kTotal.size());
  return out;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

// What stands behind a bucket's sample; nothing when it has no exemplar.
std::string exemplar_of(std::string_view sample, const Exemplars& exemplars) {
  constexpr std::string_view kBucket = "_bucket{";
  constexpr std::string_view kLe = "le=\"";
  const auto bucket = sample.find(kBucket);
  const auto le = sample.rfind(kLe);
  if (bucket == std::string_view::npos || le == std::string_view::npos) return {};
  std::string_view labels = sample.substr(bucket + kBucket.size(), le - bucket - kBucket.size());
  if (labels.ends_with(',')) labels.remove_suffix(1);
  const auto series = exemplars.find(std::string(sample.substr(0, bucket)) + "{" + std::string(labels) + "}");
  if (series == exemplars.end()) return {};
  const auto found = series->second.find(std::strtod(std::string(sample.substr(le + kLe.size())).c_str(), nullptr));
  if (found == series->second.end()) return {};
  return " # {trace_id=\"" + found->second.trace_id + "\"} " + number(found->second.value);
}

}  // namespace

void remember(Exemplars& exemplars, const std::string& series, const std::vector<double>& bounds, Exemplar exemplar) {
  const auto bound = std::lower_bound(bounds.begin(), bounds.end(), exemplar.value);
  exemplars[series][bound == bounds.end() ? std::numeric_limits<double>::infinity() : *bound] = std::move(exemplar);
}

std::string to_open_metrics(std::string_view text, const Exemplars& exemplars) {
  std::string out;
  std::string_view help;  // waits for its type, which says what the family is called
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.starts_with("# HELP ")) {
      help = line;
    } else if (line.starts_with("# TYPE ")) {
      for (const std::string_view one : {help, line}) {
        if (!one.empty()) out += (is_counter(line) ? without_total(one) : std::string(one)) + "\n";
      }
      help = {};
    } else if (!line.empty()) {
      out += std::string(line) + exemplar_of(line, exemplars) + "\n";
    }
  }
  return out + "# EOF\n";
}

}  // namespace sluice::metrics
