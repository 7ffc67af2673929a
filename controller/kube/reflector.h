// A reflector keeps a copy of one kind of object in step with the API server: list, watch from there, list again when the
// position is lost. It owns no copy itself; it tells a ReflectorSink.
//
// The state machine is step(): one list or one watch, and how long to wait before the next step. It blocks as long as the
// call to the Api does, starts no thread and never sleeps, so that tests drive it in virtual time; run() is the loop.
// Not thread-safe: one thread per reflector.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "common/core/backoff.h"
#include "common/core/clock.h"
#include "controller/kube/api.h"

namespace sluice::kube {

// begin, add..., commit publish a whole (re)list at once; a begin without commit (a list that failed half-way) is
// forgotten. changed() is one event of the watch after that.
class ReflectorSink {
 public:
  virtual ~ReflectorSink() = default;
  virtual void begin() = 0;
  virtual void add(const Json& object) = 0;
  virtual void commit(const std::string& resource_version) = 0;
  virtual void changed(const WatchEvent& event) = 0;
};

struct ReflectorOptions {
  std::string ns{};  // empty: all namespaces
  std::string label_selector{};
  std::string field_selector{};
  int page_size = 500;
  // Begin with a WatchList (sendInitialEvents): one stream instead of pages. Needs an Api that knows it (HttpApi); a server
  // that refuses it is listed instead.
  bool watch_list = false;
  Backoff backoff{Duration(800), Duration(10'000)};  // the longest wait is what an outage of the API server adds to a rollback
  Duration watch_timeout{300'000};                   // a watch lasts between this and twice this, jittered
  Duration short_watch{1'000};                       // one that ends sooner than this without an event counts as a failure
  // Called with each error (also those that are only retried), for logs and metrics.
  std::function<void(const Error&)> on_error{};
};

class Reflector {
 public:
  // unit: uniform in [0, 1), for jitter. All references must outlive the reflector.
  Reflector(Api& api, Resource resource, ReflectorOptions options, const Clock& clock, std::function<double()> unit, ReflectorSink& sink);

  // One list or one watch. Returns how long to wait before the next step.
  Duration step(std::stop_token stop);
  // Steps until stop is requested.
  void run(std::stop_token stop);

 private:
  enum class State { List, WatchList, Watch };

  Duration list();
  Duration watch_list(std::stop_token stop);
  Duration watch(std::stop_token stop);
  Duration failed(const Error& error);
  Duration lost(const Error& error);
  Error without_version() const;
  WatchOptions watch_options();

  Api& api_;
  const Resource resource_;
  const ReflectorOptions options_;
  const Clock& clock_;
  const std::function<double()> unit_;
  ReflectorSink& sink_;
  State state_;
  bool watch_list_served_ = true;
  std::string position_;
  Backoff backoff_;
};

}  // namespace sluice::kube
