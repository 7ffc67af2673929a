// One arm's answers to the questions of one SLO in one tick, and what is to be said about them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "controller/prometheus/question.h"

namespace sluice::prometheus {

// Asks for the samples of a selector over the window of the tick.
using Ask = std::function<Expected<Answer>(const Selector&)>;

// What the questions about one arm gave.
struct Looked {
  Looked(const Arm* asked, Selector total_selector, Selector part_selector)
      : arm(asked), total(std::move(total_selector)), part(std::move(part_selector)) {}

  const Arm* arm;
  Selector total, part;
  judge::Counts counts;
  std::map<std::string, judge::Counts> pods;
  std::vector<std::string> warnings;
  bool found = false;  // some series
  bool seen = false;   // some samples within the tick
  double coverage = 0, spacing = 0;
  int resets = 0, incomplete = 0;
  bool foreign = false;
  bool histogram = false;          // counted from whole histograms: `incomplete` are those that lack a bound
  std::vector<double> above{};     // of a histogram, per bound
  double value = judge::kNoValue;  // of a gauge or an expression
};

// Asks for the two counters of an SLO and counts. Without `ask_part` only the first is asked for.
Expected<void> look_counters(Looked& arm, Part kind, bool ask_part, const Stretch& stretch, const Ask& ask);

// Asks for native histograms of all arms and counts what took longer than the bound of theirs nearest to `threshold` seconds.
// The bound; empty, and nothing changed, where there are none.
Expected<std::string> look_native(std::vector<Looked>& arms, double threshold, const Stretch& stretch, const Ask& ask);

// Counts above each of `bounds`, of classic buckets or, where there are none, of native histograms.
Expected<void> look_distribution(Looked& arm, const std::vector<double>& bounds, const Stretch& stretch, const Ask& ask);

// The mean of the last values of a gauge.
Expected<void> look_gauge(Looked& arm, const Stretch& stretch, const Ask& ask);

// The native histogram behind looked.part, the _bucket of a classic one.
Selector native_selector(const Looked& looked);

// Writes down why an SLO has no data (the first reason is kept) and what else there is to say (once each, up to a limit).
class Report {
 public:
  explicit Report(Sample& sample) : sample_(sample) {}
  void missing(const std::string& slo, const std::string& why);
  void note(const std::string& slo, const std::string& what);
  // What is to be said about one arm. False: it gives no data.
  bool tell(const std::string& slo, const Looked& arm, const SampleRequest& request);

 private:
  Sample& sample_;
};

}  // namespace sluice::prometheus
