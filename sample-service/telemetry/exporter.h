// Sends spans to an OpenTelemetry collector over OTLP/HTTP, in batches, on a thread of its own. What cannot be sent never
// holds anybody up: the queue is bounded, what does not fit is dropped and counted, and a collector that is away is asked
// ever more seldom. A batch that it refused for a reason that repeating does not cure is dropped too.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/core/time.h"
#include "common/http/transport.h"
#include "common/telemetry/metrics.h"
#include "sample-service/telemetry/otlp_json.h"
#include "sample-service/telemetry/span.h"

namespace courier {

using sluice::Duration;
using sluice::Expected;

struct ExporterOptions {
  std::string endpoint{};     // "http://collector:4318", for the log; spans go to /v1/traces there
  std::size_t queue = 2'048;  // spans that wait; some 1 kB each
  std::size_t batch = 256;
  Duration every{1'000};        // how long a span waits for others
  Duration deadline{2'000};     // of one batch
  Duration first_pause{1'000};  // after a failure; doubled with each, jittered
  Duration longest_pause{30'000};
};

class SpanExporter final : public SpanSink {
 public:
  struct Parts {
    sluice::metrics::Registry& metrics;                  // trace_spans_exported_total, trace_spans_dropped_total{reason}
    std::function<double()> random;                      // [0, 1)
    std::shared_ptr<sluice::http::Transport> transport;  // to the endpoint, whose path it puts before each target
  };

  SpanExporter(ExporterOptions options, SpanResource resource, Parts parts);
  ~SpanExporter() override;  // end() without any time
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  void offer(Span span) override;
  // Sends what waits, trying each batch once and beginning none after `within`, and ends; what is left, and what is offered
  // later, is dropped. Blocks for at most `within` and one deadline.
  void end(Duration within);

 private:
  enum class Outcome { Taken, Refused, Later };
  void run();
  // Waits for `pause`, or less when there is a batch to begin or an end to come to; fills an empty batch. True: it ends.
  bool wait(Duration pause, std::vector<Span>& batch);
  Outcome send(const std::vector<Span>& batch);
  void complain(const std::string& why);
  bool time_is_up();

  const ExporterOptions options_;
  const SpanResource resource_;
  Parts parts_;
  sluice::metrics::Counter exported_;
  sluice::metrics::Counter full_;
  sluice::metrics::Counter refused_;
  sluice::metrics::Counter ended_late_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Span> queue_;
  bool ending_ = false;
  std::chrono::steady_clock::time_point end_by_{};
  bool complained_ = false;  // of the thread alone
  std::thread thread_;
};

}  // namespace courier
