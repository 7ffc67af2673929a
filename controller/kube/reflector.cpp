#include "controller/kube/reflector.h"

#include "common/core/pause.h"
#include "controller/kube/object.h"

namespace sluice::kube {
namespace {

// The annotation is on metadata of the bookmark that closes the initial events of a WatchList.
bool ends_initial_events(const WatchEvent& event) {
  if (event.type != WatchEvent::Type::Bookmark) return false;
  const Json& mark = at(event.object, {"metadata", "annotations", "k8s.io/initial-events-end"});
  return mark.is_string() && mark.get_ref<const std::string&>() == "true";
}

}  // namespace

Reflector::Reflector(Api& api, Resource resource, ReflectorOptions options, const Clock& clock, std::function<double()> unit,
                     ReflectorSink& sink)
    : api_(api),
      resource_(std::move(resource)),
      options_(std::move(options)),
      clock_(clock),
      unit_(std::move(unit)),
      sink_(sink),
      state_(options_.watch_list ? State::WatchList : State::List),
      backoff_(options_.backoff) {}

Duration Reflector::step(std::stop_token stop) {
  switch (state_) {
    case State::List: return list();
    case State::WatchList: return watch_list(stop);
    case State::Watch: return watch(stop);
  }
  return Duration(0);
}

void Reflector::run(std::stop_token stop) {
  while (!stop.stop_requested()) pause(step(stop), stop);
}

Duration Reflector::failed(const Error& error) {
  if (error.is(Error::Kind::Cancelled)) return Duration(0);
  if (options_.on_error) options_.on_error(error);
  return std::max(backoff_.next(unit_()), error.retry_after);
}

Duration Reflector::lost(const Error& error) {
  // The position is gone or what came cannot be trusted: list again. The sink keeps what it has until the list is whole,
  // and learns from it what was deleted meanwhile.
  if (error.is(Error::Kind::Expired) || error.is(Error::Kind::Corrupt) || error.is(Error::Kind::Invalid))
    state_ = options_.watch_list && watch_list_served_ ? State::WatchList : State::List;
  const Duration wait = failed(error);
  // Many clients lose their position at once when an API server restarts: the first wait is spread, too.
  return error.is(Error::Kind::Expired) ? Duration(static_cast<long long>(unit_() * static_cast<double>(wait.count()))) : wait;
}

Error Reflector::without_version() const {
  return {
      Error::Kind::Corrupt, "watch of " + resource_.plural + ": an event without resourceVersion, or no end of the initial events", 0, {}};
}

WatchOptions Reflector::watch_options() {
  WatchOptions options;
  options.ns = options_.ns;
  options.label_selector = options_.label_selector;
  options.field_selector = options_.field_selector;
  options.timeout =
      options_.watch_timeout + Duration(static_cast<long long>(unit_() * static_cast<double>(options_.watch_timeout.count())));
  return options;
}

Duration Reflector::list() {
  ListOptions options;
  options.ns = options_.ns;
  options.label_selector = options_.label_selector;
  options.field_selector = options_.field_selector;
  options.page_size = options_.page_size;
  auto listed = api_.list(resource_, options);
  if (!listed) return failed(listed.error());
  if (listed->resource_version.empty())
    return failed({Error::Kind::Corrupt, "list " + resource_.plural + ": the answer has no resourceVersion", 0, {}});
  sink_.begin();
  for (Json& object : listed->items) {
    sink_.add(object);
    object = nullptr;  // the projection is kept, the document is not
  }
  position_ = listed->resource_version;
  sink_.commit(position_);
  state_ = State::Watch;
  return Duration(0);
}

Duration Reflector::watch_list(std::stop_token stop) {
  WatchOptions options = watch_options();
  options.send_initial_events = true;
  bool published = false;
  bool odd = false;
  sink_.begin();
  const auto on_event = [&](const WatchEvent& event) {
    const std::string version = resource_version_of(event.object);
    if (version.empty()) {
      odd = true;
      return false;
    }
    if (published) {
      position_ = version;
      sink_.changed(event);
    } else if (ends_initial_events(event)) {
      position_ = version;
      sink_.commit(position_);
      published = true;
    } else if (event.type == WatchEvent::Type::Added || event.type == WatchEvent::Type::Modified) {
      sink_.add(event.object);
    }
    return true;
  };
  const auto ended = api_.watch(resource_, options, on_event, stop);
  if (published) {
    state_ = State::Watch;
    if (odd) return lost(without_version());
    if (!ended) return lost(ended.error());
    backoff_.reset();
    return Duration(0);
  }
  // Not served, or it did not come to its end: a plain list does it.
  state_ = State::List;
  if (stop.stop_requested()) return Duration(0);
  if (!ended && ended.error().is(Error::Kind::Invalid)) {
    watch_list_served_ = false;
    return Duration(0);
  }
  return failed(ended ? without_version() : ended.error());
}

Duration Reflector::watch(std::stop_token stop) {
  WatchOptions options = watch_options();
  options.resource_version = position_;
  const Duration started = clock_.monotonic();
  bool any = false;
  std::optional<Error> odd;
  const auto ended = api_.watch(
      resource_, options,
      [&](const WatchEvent& event) {
        std::string version = resource_version_of(event.object);
        if (version.empty()) {
          odd = without_version();
          return false;
        }
        any = true;
        position_ = std::move(version);
        backoff_.reset();
        sink_.changed(event);
        return true;
      },
      stop);
  const bool lasted = clock_.monotonic() - started >= options_.short_watch;
  if (lasted) backoff_.reset();  // an outage of long ago says nothing about this one
  if (odd) return lost(*odd);
  if (!ended) return lost(ended.error());
  if (stop.stop_requested()) return Duration(0);
  if (!any && !lasted)
    return failed({Error::Kind::Unavailable, "watch of " + resource_.plural + ": it ended at once without an event", 0, {}});
  backoff_.reset();
  return Duration(static_cast<long long>(unit_() * 100));
}

}  // namespace sluice::kube
