// Counters, gauges and histograms, and the text that Prometheus scrapes.
//
// A Registry hands out small handles; asking again for the same name and labels gives the same series. Handles are cheap
// to copy, thread-safe, and stay usable after their series was removed (they then count for nobody). Labels must be of
// few values: never ids, paths or messages. A name that is not valid, or used with another type or other bounds before,
// is a bug of the program and ends it with a message.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/http/transport.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace sluice::metrics {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  void add(double by = 1.0) const;  // negative: ignored
  double value() const;

 private:
  friend class Registry;
  std::shared_ptr<prometheus::Counter> series_;
};

class Gauge {
 public:
  void set(double to) const;
  void add(double by) const;
  double value() const;

 private:
  friend class Registry;
  std::shared_ptr<prometheus::Gauge> series_;
};

class Histogram {
 public:
  void observe(double value) const;

 private:
  friend class Registry;
  std::shared_ptr<prometheus::Histogram> series_;
};

// Upper bounds in seconds for request durations: OpenTelemetry's http.server.request.duration (5 ms to 10 s) and below it
// 0.5, 1 and 2.5 ms. They contain 0.25 s, so that an objective of 250 ms is counted exactly.
const std::vector<double>& request_duration_bounds();

// Upper bounds in seconds for operations of databases and other services, of which there are many kinds: fewer, so that the
// series stay few. 0.25 s is one of them.
const std::vector<double>& dependency_duration_bounds();

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // bounds: ascending upper bounds, without +Inf.
  Histogram histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds, const Labels& labels = {});

  // Removes the series of `name` whose labels contain all of `labels`; how many there were.
  std::size_t remove(const std::string& name, const Labels& labels);
  // The same of every name: what is left of an object that is gone.
  std::size_t remove_everywhere(const Labels& labels);

  // Called before each text(), to set gauges that are cheaper to look up than to keep.
  void before_text(std::function<void()> refresh);

  // Text exposition format 0.0.4.
  std::string text() const;
  // text() with its content type, as the answer to GET /metrics.
  http::Response answer() const;

 private:
  struct Family;
  Family& family(const std::string& name, const std::string& help, int type, const std::vector<double>& bounds, const Labels& labels);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>> families_;
  std::vector<std::function<void()>> refresh_;
};

}  // namespace sluice::metrics
