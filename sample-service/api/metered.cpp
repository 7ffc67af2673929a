#include "sample-service/api/metered.h"

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <tuple>

#include "sample-service/api/routes.h"

namespace courier {
namespace {

using sluice::http::Handler;
using sluice::http::IncomingRequest;
using sluice::http::Reply;
using sluice::http::ReplyPtr;
using sluice::http::Response;

// Methods are the client's words: unknown ones share a label, so that nobody can make series.
std::string_view known(std::string_view method) {
  for (const std::string_view name : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    if (method == name) return name;
  }
  return "_OTHER";
}

class Meter {
 public:
  explicit Meter(sluice::metrics::Registry& metrics)
      : metrics_(metrics), in_flight_(metrics.gauge("http_requests_in_flight", "Requests that were read and not answered yet.")) {}

  void begin() { in_flight_.add(1); }
  void end(std::string_view method, std::string_view route, int status, double took) {
    in_flight_.add(-1);
    series(method, route, status).observe(took);
  }

 private:
  // Asking the registry costs more than the cheap routes do.
  sluice::metrics::Histogram series(std::string_view method, std::string_view route, int status) {
    const std::lock_guard lock(mutex_);
    const auto key = std::tuple(method, route, status);
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
    const auto made = metrics_.histogram(
        "http_request_duration_seconds", "How long requests took to answer.", sluice::metrics::request_duration_bounds(),
        {{"method", std::string(method)}, {"route", std::string(route)}, {"status", std::to_string(status)}});
    return known_.emplace(key, made).first->second;
  }

  sluice::metrics::Registry& metrics_;
  sluice::metrics::Gauge in_flight_;
  std::mutex mutex_;
  std::map<std::tuple<std::string_view, std::string_view, int>, sluice::metrics::Histogram> known_;
};

class MeteredReply final : public Reply {
 public:
  MeteredReply(ReplyPtr inner, std::shared_ptr<Meter> meter, std::string_view method, std::string_view route)
      : inner_(std::move(inner)), meter_(std::move(meter)), method_(method), route_(route) {
    meter_->begin();
  }
  ~MeteredReply() override {
    if (!sent_) count(500);                // the server answers 500 for a dropped reply
  }
  void send(Response response) override {
    if (sent_) return;
    sent_ = true;
    count(response.status);
    inner_->send(std::move(response));
  }

 private:
  void count(int status) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin_;
    meter_->end(method_, route_, status, took.count());
  }

  ReplyPtr inner_;
  std::shared_ptr<Meter> meter_;
  std::string_view method_;
  std::string_view route_;
  bool sent_ = false;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

Handler metered(Handler inner, sluice::metrics::Registry& metrics) {
  return [inner = std::move(inner), meter = std::make_shared<Meter>(metrics)](IncomingRequest in, ReplyPtr reply) {
    // Both views are of literals.
    const std::string_view method = known(in.request.method);
    const std::string_view route = match(in.path).pattern;
    inner(std::move(in), std::make_unique<MeteredReply>(std::move(reply), meter, method, route));
  };
}

}  // namespace courier
