// Events (events.k8s.io/v1) as `kubectl describe` shows them, aggregated into series: the same thing said again about the
// same object raises a count instead of making a new object.
//
// record() only puts into a bounded queue and never blocks on the server, so it may be called from a reconcile; flush()
// writes what is due. Names are deterministic (object, words, time of the first occurrence), so a request that a transport
// sends twice makes one Event. An Event is advice: what cannot be written is dropped and counted, never waited for.
// Thread-safe; flush() is for one thread at a time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "common/core/clock.h"
#include "controller/kube/api.h"
#include "controller/kube/object.h"

namespace sluice::kube {

// What an Event is about.
struct ObjectRef {
  std::string api_version;
  std::string kind;
  Name name;
  std::string uid;
  auto operator<=>(const ObjectRef&) const = default;
};
inline ObjectRef reference(const Resource& resource, const ObjectMeta& meta) {
  return {resource.api_version(), resource.kind, meta.key(), meta.uid};
}

struct EventText {
  enum class Type { Normal, Warning };
  Type type = Type::Normal;
  std::string reason;  // CamelCase, for machines: "StepReached"
  std::string action;  // CamelCase, what was done: "ShiftTraffic"
  std::string note;    // for people; cut at 1,024 bytes as the API demands
  auto operator<=>(const EventText&) const = default;
};

struct EventOptions {
  std::string controller = "sluice.dev/operator";  // reportingController
  std::string instance;                            // reportingInstance: the pod's name
  std::size_t max_queued = 1'000;
  Duration series_window{360'000};  // a series without news for this long is over (client-go: 6 min)
  Duration series_update{30'000};   // how often the count of a running series is written
  double writes_per_second = 5;     // token bucket over all Events
  double burst = 25;
};

class EventRecorder {
 public:
  EventRecorder(Api& api, EventOptions options, const Clock& clock);

  void record(const ObjectRef& regarding, const EventText& text);

  // Writes what is due now and what the rate allows. Returns how long until it should be called again.
  Duration flush();
  // Flushes until stop is requested, then once more without regard to the rate (counts of running series included).
  void run(std::stop_token stop);

  std::size_t dropped() const;  // queue full, or refused by the server
  std::size_t queued() const;

 private:
  struct Key {
    ObjectRef regarding;
    EventText text;
    auto operator<=>(const Key&) const = default;
  };
  struct Series {
    Name name;  // of the Event object
    Time first;
    Time last;
    int count = 1;
    int written = 0;  // the count that the server knows; 0: not created yet
    Duration last_write{0};
  };

  Json event(const Key& key, const Series& series) const;
  Expected<void> write(const Key& key, const Series& series);
  bool due(const Series& series, Duration now) const;
  Duration flush_with(bool everything);
  bool token(Duration now);

  Api& api_;
  const EventOptions options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<Key, Series> series_;
  std::deque<Key> order_;  // keys with something to write, oldest first
  std::size_t dropped_ = 0;
  double tokens_;
  Duration refilled_;
};

}  // namespace sluice::kube
