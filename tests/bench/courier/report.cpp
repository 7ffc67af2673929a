#include "tests/bench/courier/report.h"

#include <algorithm>

namespace courier::bench {

using nlohmann::json;

namespace {

double ms(Microseconds time) { return static_cast<double>(time.count()) / 1000; }

json slices_json(const PhaseResult& phase) {
  json slices = json::array();
  for (const Answers& slice : phase.slices) {
    if (slice.well.count() + slice.refused.count() + slice.failures() == 0) continue;
    slices.push_back({{"well", slice.well.count()},
                      {"p99", ms(slice.well.quantile(0.99))},
                      {"refused", slice.refused.count()},
                      {"failed", slice.failures()}});
  }
  return slices;
}

}  // namespace

json to_json(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"p50", ms(histogram.quantile(0.5))},
          {"p99", ms(histogram.quantile(0.99))},
          {"p999", ms(histogram.quantile(0.999))},
          {"max", ms(histogram.max())}};
}

json to_json(const LoadResult& result) {
  json phases = json::array();
  for (const PhaseResult& phase : result.phases) {
    // A closed loop ends with its last answer, or when it has its requests; an open one not before its length, and later when
    // answers come late: what was answered afterwards is no goodput of the time before.
    const double planned = std::chrono::duration<double>(phase.phase.length).count();
    const double seconds = phase.phase.rate > 0 ? std::max(planned, phase.seconds) : phase.seconds;
    phases.push_back({{"rate", phase.phase.rate},
                      {"seconds", seconds},
                      {"asked", phase.asked},
                      {"goodput", seconds > 0 ? static_cast<double>(phase.answers.well.count()) / seconds : 0.0},
                      {"well", to_json(phase.answers.well)},
                      {"refused", to_json(phase.answers.refused)},
                      {"failed", phase.answers.failed},
                      {"slices", slices_json(phase)}});
  }
  return {{"requests", result.requests}, {"connects", result.connects}, {"phases", phases}};
}

json to_json(const Commits& commits) {
  return {{"seconds", commits.seconds},
          {"rate", commits.seconds > 0 ? static_cast<double>(commits.took.count()) / commits.seconds : 0.0},
          {"took", to_json(commits.took)}};
}

}  // namespace courier::bench
