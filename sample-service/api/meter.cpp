#include "sample-service/api/meter.h"

namespace courier {
namespace {

constexpr std::string_view kOther = "_OTHER";

// Methods are the client's words: unknown ones share a label, so that nobody can make series. HEAD does what GET does.
std::string_view known(std::string_view method) {
  if (method == "HEAD") return "GET";
  for (const std::string_view name : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    if (method == name) return name;
  }
  return kOther;
}

// Each series of the histogram is 20 lines of /metrics, of which a pod may have 2,000. The routes decide how many successes
// there are, but clients how many kinds of errors: past kExact of them a new status is only its class ("4xx", which queries
// for "4.." find as well), past kRounded what is new is of one route.
constexpr std::size_t kExact = 22;
constexpr std::size_t kRounded = 28;

std::string text_of(int status) { return status < 10 ? std::to_string(status) + "xx" : std::to_string(status); }

}  // namespace

Meter::Meter(sluice::metrics::Registry& metrics)
    : metrics_(metrics), in_flight_(metrics.gauge("http_requests_in_flight", "Requests that were read and not answered yet.")) {}

void Meter::answered(std::string_view method, std::string_view route, int status, double seconds, std::string_view trace_id) {
  const std::lock_guard lock(mutex_);
  // Asking the registry costs more than the cheap routes do. Both views are of literals.
  // The method of a 405 is one that the route does not have.
  Key key(status == 405 ? kOther : known(method), route, status);
  auto found = known_.find(key);
  if (found == known_.end() && status >= 400 && errors_ >= kExact) {
    key = Key(std::get<0>(key), route, status / 100);
    found = known_.find(key);
    if (found == known_.end() && errors_ >= kRounded) {
      key = Key(kOther, kOther, status / 100);
      found = known_.find(key);
    }
  }
  if (found == known_.end()) {
    const auto made = metrics_.histogram(
        "http_request_duration_seconds", "How long requests took to answer.", sluice::metrics::request_duration_bounds(),
        {{"method", std::string(std::get<0>(key))}, {"route", std::string(std::get<1>(key))}, {"status", text_of(std::get<2>(key))}});
    found = known_.emplace(key, made).first;
    if (status >= 400) ++errors_;
  }
  found->second.observe(seconds);
  if (trace_id.empty()) return;
  const auto& [of_method, of_route, of_status] = key;
  const std::string series = "http_request_duration_seconds{method=\"" + std::string(of_method) + "\",route=\"" + std::string(of_route) +
                             "\",status=\"" + text_of(of_status) + "\"}";
  sluice::metrics::remember(exemplars_, series, sluice::metrics::request_duration_bounds(), {std::string(trace_id), seconds});
}

sluice::metrics::Exemplars Meter::exemplars() {
  const std::lock_guard lock(mutex_);
  return exemplars_;
}

void Meter::rejected(std::string_view route, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  std::pair<std::string, std::string> key(route, reason);
  auto found = rejections_.find(key);
  if (found == rejections_.end()) {
    const auto made = metrics_.counter("http_requests_rejected_total", "Requests refused to protect the service.",
                                       {{"route", key.first}, {"reason", key.second}});
    found = rejections_.emplace(std::move(key), made).first;
  }
  found->second.add();
}

}  // namespace courier
