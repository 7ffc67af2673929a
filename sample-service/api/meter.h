// The metrics of the data port: http_request_duration_seconds{method,route,status}, http_requests_in_flight and
// http_requests_rejected_total{route,reason}. However many kinds of errors clients bring about, the series stay few enough
// (meter.cpp): late ones are counted together. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "common/core/time.h"
#include "common/telemetry/metrics.h"
#include "common/telemetry/open_metrics.h"

namespace courier {

class Meter {
 public:
  explicit Meter(sluice::metrics::Registry& metrics);

  void begin() { in_flight_.add(1); }
  void end() { in_flight_.add(-1); }
  // method: as the client wrote it; route: a pattern; trace_id: of a trace that is recorded, empty: of none.
  void answered(std::string_view method, std::string_view route, int status, double seconds, std::string_view trace_id = {});
  // Refused to protect the service, or because its tenant may not; reason is one of a few words.
  void rejected(std::string_view route, std::string_view reason);

  // Of http_request_duration_seconds.
  sluice::metrics::Exemplars exemplars();

 private:
  using Key = std::tuple<std::string_view, std::string_view, int>;  // method, route, status; a status below 10 is a class

  sluice::metrics::Registry& metrics_;
  sluice::metrics::Gauge in_flight_;
  std::mutex mutex_;
  std::map<Key, sluice::metrics::Histogram> known_;
  std::map<std::pair<std::string, std::string>, sluice::metrics::Counter> rejections_;  // by route and reason
  sluice::metrics::Exemplars exemplars_;
  std::size_t errors_ = 0;  // of them, with a status of 400 or more
};

}  // namespace courier
