#include "sample-service/telemetry/exporter.h"

#include <algorithm>

#include "common/core/backoff.h"
#include "common/telemetry/log.h"

namespace courier {
namespace {

using std::chrono::steady_clock;

sluice::metrics::Counter dropped(sluice::metrics::Registry& metrics, const char* reason) {
  return metrics.counter("trace_spans_dropped_total", "Spans that never reach the collector.", {{"reason", reason}});
}

}  // namespace

SpanExporter::SpanExporter(ExporterOptions options, SpanResource resource, Parts parts)
    : options_(std::move(options)),
      resource_(std::move(resource)),
      parts_(std::move(parts)),
      exported_(parts_.metrics.counter("trace_spans_exported_total", "Spans that the collector took.")),
      full_(dropped(parts_.metrics, "queue_full")),
      refused_(dropped(parts_.metrics, "refused")),
      ended_late_(dropped(parts_.metrics, "ended")),
      thread_([this] { run(); }) {}

SpanExporter::~SpanExporter() { end(Duration(0)); }

void SpanExporter::offer(Span span) {
  bool enough = false;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return ended_late_.add();
    if (queue_.size() >= options_.queue) return full_.add();
    queue_.push_back(std::move(span));
    enough = queue_.size() == options_.batch;
  }
  if (enough) changed_.notify_one();
}

void SpanExporter::end(Duration within) {
  {
    const std::lock_guard lock(mutex_);
    if (!ending_) end_by_ = steady_clock::now() + within;
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool SpanExporter::wait(Duration pause, std::vector<Span>& batch) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, pause, [&] { return ending_ || (batch.empty() && queue_.size() >= options_.batch); });
  while (batch.size() < options_.batch && !queue_.empty()) {
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return ending_;
}

bool SpanExporter::time_is_up() {
  const std::lock_guard lock(mutex_);
  return ending_ && steady_clock::now() >= end_by_;
}

void SpanExporter::run() {
  std::vector<Span> batch;
  sluice::Backoff backoff{options_.first_pause, options_.longest_pause};
  bool failed = false;
  for (;;) {
    const bool last = wait(failed ? backoff.next(parts_.random()) : options_.every, batch);
    if (batch.empty()) {
      if (last) return;
      continue;
    }
    const Outcome outcome = time_is_up() ? Outcome::Later : send(batch);
    failed = outcome == Outcome::Later;
    if (outcome == Outcome::Refused) refused_.add(static_cast<double>(batch.size()));
    if (!failed) {
      backoff.reset();
      batch.clear();
    } else if (last) {
      const std::lock_guard lock(mutex_);
      ended_late_.add(static_cast<double>(batch.size() + queue_.size()));
      return;
    }
  }
}

SpanExporter::Outcome SpanExporter::send(const std::vector<Span>& batch) {
  sluice::http::Request request;
  request.method = "POST";
  request.target = "/v1/traces";
  request.headers["Content-Type"] = "application/json";
  request.body = to_otlp_json(resource_, batch);
  request.deadline = options_.deadline;
  request.max_body = 64 * 1024;
  const auto answer = parts_.transport->send(request);
  if (answer && answer->status == 200) {
    const auto rejected = std::min(batch.size(), rejected_spans(answer->body));
    refused_.add(static_cast<double>(rejected));
    exported_.add(static_cast<double>(batch.size() - rejected));
    if (complained_) sluice::log::info("the collector of traces is back");
    complained_ = false;
    return Outcome::Taken;
  }
  complain(answer ? "it answered " + std::to_string(answer->status) : to_string(answer.error()));
  // As the standard has it: what is worth repeating.
  const bool later = !answer || answer->status == 429 || (answer->status >= 502 && answer->status <= 504);
  return later ? Outcome::Later : Outcome::Refused;
}

void SpanExporter::complain(const std::string& why) {
  if (!complained_) sluice::log::warn("the collector of traces takes no spans", {{"endpoint", options_.endpoint}, {"error", why}});
  complained_ = true;
}

}  // namespace courier
