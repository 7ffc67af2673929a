#include "sample-service/api/meter.h"

namespace courier {
namespace {

// Methods are the client's words: unknown ones share a label, so that nobody can make series.
std::string_view known(std::string_view method) {
  for (const std::string_view name : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    if (method == name) return name;
  }
  return "_OTHER";
}

}  // namespace

Meter::Meter(sluice::metrics::Registry& metrics)
    : metrics_(metrics), in_flight_(metrics.gauge("http_requests_in_flight", "Requests that were read and not answered yet.")) {}

void Meter::answered(std::string_view method, std::string_view route, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  // Asking the registry costs more than the cheap routes do. Both views are of literals.
  const auto key = std::tuple(known(method), route, status);
  auto found = known_.find(key);
  if (found == known_.end()) {
    const auto made =
        metrics_.histogram("http_request_duration_seconds", "How long requests took to answer.", sluice::metrics::request_duration_bounds(),
                           {{"method", std::string(known(method))}, {"route", std::string(route)}, {"status", std::to_string(status)}});
    found = known_.emplace(key, made).first;
  }
  found->second.observe(seconds);
}

void Meter::rejected(std::string_view route, std::string_view reason) {
  metrics_
      .counter("http_requests_rejected_total", "Requests refused to protect the service.",
               {{"route", std::string(route)}, {"reason", std::string(reason)}})
      .add();
}

}  // namespace courier
