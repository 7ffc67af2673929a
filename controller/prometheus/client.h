// A small client of the Prometheus HTTP API: raw samples of a selector, the values of one label, and one number.
//
// Raw samples (`metric{...}[window]` as an instant query) rather than rate(): rate() extrapolates to the window's ends,
// needs two samples and misses a counter that is born at 1. Answers are read by a streaming parser under limits, so a
// selector that matches the whole fleet costs an error, not the operator's memory.
// Calls block the calling thread; thread-safe as the Transport is. Errors carry the server's own words:
//   Unavailable  no connection, 429, 5xx, time-out: no data, ask again
//   Invalid      Prometheus refuses the query (400, 422): tell the user
//   Forbidden    401, 403      NotFound  404: no Prometheus API at this address
//   Corrupt      not the JSON we expect, or larger than the limits
//   Cancelled    stop was requested
// API: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"
#include "common/http/transport.h"
#include "controller/prometheus/selector.h"

namespace sluice::prometheus {

using Labels = std::map<std::string, std::string>;

struct Point {
  Time at;
  double value = 0;  // may be NaN or infinite
  friend bool operator==(const Point&, const Point&) = default;
};

// A bucket of a native histogram: observations in (left, right] (the zero bucket: [left, right]), not cumulative.
struct NativeBucket {
  double left = 0, right = 0, count = 0;
  friend bool operator==(const NativeBucket&, const NativeBucket&) = default;
};

struct NativeSample {
  Time at;
  double count = 0;                   // of all observations
  std::vector<NativeBucket> buckets;  // those that are not empty
};

struct Series {
  Labels labels;                           // without __name__
  std::vector<Point> points;               // as the server sent them
  std::vector<NativeSample> histograms{};  // of a native histogram; points is empty then
};

struct Answer {
  std::vector<Series> series;
  std::vector<std::string> warnings;  // not empty: the answer may be partial
  bool native_histograms = false;     // some series are native histograms
  std::optional<Time> server_time;    // Date header, to the second
};

struct Limits {
  std::size_t bytes = 32 * 1024 * 1024;
  std::size_t series = 20'000;
  std::size_t points = 1'000'000;  // samples, and buckets of native histograms
};

struct ClientOptions {
  std::string path_prefix;   // of Prometheus behind a proxy, "/prometheus"
  std::string bearer_token;  // empty: none
  Duration timeout{10'000};  // one query, also told to the server
  Limits limits;
};

class Client {
 public:
  explicit Client(std::shared_ptr<http::Transport> transport, ClientOptions options = {});

  // Samples with timestamps in [at - window, at]; window is rounded up to a millisecond and must be positive.
  Expected<Answer> samples(const Selector& selector, Duration window, Time at, std::stop_token stop = {}) const;

  // The distinct values of `label` among the series that match at `at`, sorted.
  Expected<std::vector<std::string>> label_values(const Selector& selector, const std::string& label, Time at,
                                                  std::stop_token stop = {}) const;

  // The value of any PromQL expression that gives a scalar or one series. Empty: no series, NaN or infinite, that is to say no
  // information. Invalid: several series. Nothing confines an expression: whoever may write it reads everything that
  // this client may read.
  Expected<std::optional<double>> value(const std::string& expression, Time at, std::stop_token stop = {}) const;

 private:
  Expected<Answer> query(const std::string& expression, Time at, std::stop_token stop) const;

  std::shared_ptr<http::Transport> transport_;
  ClientOptions options_;
};

// An answer's body: vector, matrix, or a scalar as one series without labels. Pure. Errors as above (Invalid and Unavailable for the
// server's own errors).
Expected<Answer> parse_answer(std::string_view body, const Limits& limits);

// "Mon, 23 Nov 2026 12:00:00 GMT" (RFC 9110, IMF-fixdate only).
std::optional<Time> parse_http_date(std::string_view text);

}  // namespace sluice::prometheus
