// An informer: a store that a reflector keeps in step with the API server, and the handlers that hear of changes.
//
//   Informer<Pod> pods(api, resources::kPods, parse_pod, {}, clock, unit);
//   pods.on_change([&](const Change<Pod>& change) { queue.add(owner_of(change)); });
//   std::jthread thread([&](std::stop_token stop) { pods.run(stop); });
//
// Handlers run on the informer's thread or, for merge(), on the caller's; at the same time, so they must be thread-safe, and
// after the store changed, so what they read there is at least as new as what they are told. They should only note which
// key to look at. Register them before run(). merge(), the store and has_synced() are thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "controller/kube/reflector.h"
#include "controller/kube/store.h"

namespace sluice::kube {

template <HasMeta T>
class Informer final : private ReflectorSink {
 public:
  using Handler = std::function<void(const Change<T>&)>;

  Informer(Api& api, Resource resource, typename Store<T>::Project project, ReflectorOptions options, const Clock& clock,
           std::function<double()> unit)
      : store_(std::move(project)), reflector_(api, std::move(resource), std::move(options), clock, std::move(unit), *this) {}
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  void on_change(Handler handler) { handlers_.push_back(std::move(handler)); }

  // The result of a write of ours, so that the next reader sees it; handlers hear of it, too.
  void merge(const Json& written) {
    if (const auto change = store_.merge(written)) tell(*change);
  }

  const Store<T>& store() const { return store_; }
  Store<T>& store() { return store_; }  // to declare indexes
  // The first list is in the store, and the handlers have heard of all of it.
  bool has_synced() const { return told_.load(std::memory_order_acquire); }

  void run(std::stop_token stop) { reflector_.run(stop); }
  // One list or watch without a thread, for tests: see Reflector::step.
  Duration step(std::stop_token stop = {}) { return reflector_.step(stop); }

 private:
  void begin() override { store_.begin(); }
  void add(const Json& object) override { store_.add(object); }
  void commit(const std::string& resource_version) override {
    for (const auto& change : store_.commit(resource_version)) tell(change);
    told_.store(true, std::memory_order_release);
  }
  void changed(const WatchEvent& event) override {
    for (const auto& change : store_.apply(event)) tell(change);
  }
  void tell(const Change<T>& change) const {
    for (const Handler& handler : handlers_) handler(change);
  }

  Store<T> store_;
  Reflector reflector_;
  std::vector<Handler> handlers_;
  std::atomic<bool> told_ = false;
};

}  // namespace sluice::kube
