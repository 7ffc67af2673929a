// One tick of data for the judge: asks Prometheus for every SLO and arm, and counts.
//
// The caller chooses the ticks: (from, to] with to at least one scrape spacing in the past, so that every scrape of the
// tick has arrived; after an outage one tick may span the gap. sample() blocks (its own thread), is thread-safe and keeps
// nothing between calls but which bucket bounds a histogram has and how far the clocks are apart.
// Times are the caller's; with a clock the sampler learns from the answers' Date how far Prometheus' clock is off, and
// shifts what it asks for (clock_offset.h). A histogram may be classic or, where it has no buckets, native (histogram.h).
// No data is a value, not an error: the tick's SLO is marked `present = false` and `missing` says what was looked for.
// Errors: those of client.h, and Invalid for a request that cannot be asked (selectors, placeholders, stretch).
#pragma once

#include <mutex>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "common/core/clock.h"
#include "common/core/error.h"
#include "controller/judge/counts.h"
#include "controller/judge/latency_bounds.h"
#include "controller/prometheus/client.h"
#include "controller/prometheus/clock_offset.h"
#include "controller/prometheus/sampling.h"

namespace sluice::prometheus {

inline constexpr const char* kDefaultArmSelector = R"(namespace="{{namespace}}",pod=~"{{replicaSet}}-[a-z0-9]{5}")";

struct ErrorRateQuery {
  std::string total = "http_request_duration_seconds_count";
  std::string errors = R"(http_request_duration_seconds_count{status=~"5.."})";  // must count a part of `total`
};

struct LatencyQuery {
  std::string histogram = "http_request_duration_seconds";  // in seconds; without _bucket; may have {...}
  Duration threshold{250};                                  // the nearest bound that both arms have is used
};

// The whole latency distribution: SloTick::canary_above and baseline_above get the counts above each bound.
struct DistributionQuery {
  std::string histogram = "http_request_duration_seconds";  // as in LatencyQuery
  std::vector<double> bounds{};                             // seconds, ascending, at most judge::kMaxBounds; of latency_history()
};

// A number per arm: the mean over the series of each one's last value within the tick. Warm-ups count for nothing.
struct GaugeQuery {
  std::string selector;
};

// A number per arm that PromQL works out at the tick's end: a scalar or one series. {{namespace}} and {{replicaSet}} are filled in as
// regular expressions. Nothing confines it: whoever may write it reads what the operator's Prometheus account may read.
struct ExpressionQuery {
  std::string promql;
};

struct SloQuery {
  std::string name;
  std::variant<ErrorRateQuery, LatencyQuery, DistributionQuery, GaugeQuery, ExpressionQuery> query;
};

struct ArmQuery {
  std::vector<std::string> replica_sets;  // empty: this arm is not asked for (a weight of 0 or 100)
  Pods pods;
};

struct SampleRequest {
  std::string ns;
  std::string arm_selector = kDefaultArmSelector;  // matchers with {{namespace}} and {{replicaSet}}
  ArmQuery canary, baseline;
  std::vector<SloQuery> slos;
  Time from, to;
  Duration spacing{0};  // observed scrape spacing, to reach back far enough; 0: unknown, two minutes are read
};

// Requests of one SLO in one tick per pod label: does one pod make most of the errors?
struct PodCounts {
  std::map<std::string, judge::Counts> canary, baseline;
};

struct Sample {
  Time from, to;
  std::vector<judge::SloTick> slos;  // as in the request
  std::vector<PodCounts> pods;       // per SLO
  std::vector<std::string> bounds;   // per SLO: the bucket bound that was used, "0.25"; empty for error rates
  bool canary_present = false;       // some SLO had samples of the arm within the tick
  bool baseline_present = false;
  double canary_coverage = 0;  // share of expected pods with samples, worst SLO
  double baseline_coverage = 0;
  std::string missing;              // why an SLO has no data: the first reason; empty if all have
  std::vector<std::string> notes;   // resets, warnings, bounds that are not the threshold ...
  double observed_spacing = 0;      // seconds between scrapes; 0: unknown
  std::optional<Time> server_time;  // Date header of the last answer, to the second: compare with your own clock
};

struct Looked;  // arm_look.h

class Sampler {
 public:
  // `clock` is the one that the caller's ticks are made with, and must outlive the sampler; without it clocks are taken to agree.
  explicit Sampler(Client client, const Clock* clock = nullptr) : client_(std::move(client)), clock_(clock) {}

  Expected<Sample> sample(const SampleRequest& request, std::stop_token stop = {});

  // The latency of `arm` over (from, to], to choose a run's bounds from (judge::choose_bounds). Up to an hour; classic or native.
  // NotFound: nothing was measured there. Invalid: as sample().
  Expected<judge::LatencyHistory> latency_history(const SampleRequest& request, const ArmQuery& arm, const std::string& histogram,
                                                  std::stop_token stop = {});

 private:
  Duration ahead() const;
  Expected<Sample> sample_at(const SampleRequest& request, Duration ahead, std::stop_token stop);
  Expected<Answer> ask(const Selector& selector, Duration window, Time at, std::stop_token stop);
  Expected<void> look_expression(Looked& arm, const ExpressionQuery& query, Time at, std::stop_token stop) const;
  // The bucket bound for `threshold` seconds that all of `arms` (bucket selectors) have; empty if there is none.
  Expected<std::string> bound(const std::vector<Selector>& arms, double threshold, Time at, std::stop_token stop);

  Client client_;
  const Clock* clock_;
  mutable std::mutex mutex_;
  ClockOffset offset_;
  std::optional<Time> server_time_;
  std::map<std::string, std::string> bounds_;  // question -> label value of le
};

// Checks what a user wrote before any query is sent: selectors parse and placeholders are known. Invalid names the SLO.
Expected<void> check(const std::string& arm_selector, const std::vector<SloQuery>& slos);

// Of bounds as Prometheus writes them ("0.25", "+Inf"), the one nearest to `seconds` by ratio; empty if none is usable.
std::string nearest_bound(const std::vector<std::string>& bounds, double seconds);

}  // namespace sluice::prometheus
