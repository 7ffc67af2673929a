#include "controller/kube/events.h"

#include <algorithm>
#include <vector>

#include "common/core/digest.h"
#include "common/core/pause.h"

namespace sluice::kube {
namespace {

constexpr std::size_t kMaxNote = 1024;
constexpr std::size_t kMaxWord = 128;
constexpr Duration kIdle{1'000};

// At most `size` bytes, without cutting a UTF-8 character in two.
std::string cut(std::string text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  text.resize(size);
  return text;
}

Json micro_time(Time time) { return format_micro_time(time); }

Json series_of(int count, Time last) { return {{"count", count}, {"lastObservedTime", micro_time(last)}}; }

}  // namespace

EventRecorder::EventRecorder(Api& api, EventOptions options, const Clock& clock)
    : api_(api), options_(std::move(options)), clock_(clock), tokens_(options_.burst), refilled_(clock.monotonic()) {}

void EventRecorder::record(const ObjectRef& regarding, const EventText& given) {
  EventText text = given;
  text.note = cut(std::move(text.note), kMaxNote);
  text.reason = cut(std::move(text.reason), kMaxWord);
  text.action = cut(std::move(text.action), kMaxWord);
  const Key key{regarding, std::move(text)};
  const Time now = clock_.now();
  std::lock_guard lock(mutex_);
  const auto known = series_.find(key);
  if (known != series_.end() && now - known->second.last < options_.series_window) {
    Series& series = known->second;
    if (series.count == series.written) order_.push_back(key);
    ++series.count;
    series.last = now;
    return;
  }
  if (known != series_.end()) {
    std::erase(order_, key);
    series_.erase(known);  // that series is over; this is a new one
  }
  if (order_.size() >= options_.max_queued) {
    ++dropped_;
    return;
  }
  Series series;
  series.first = series.last = now;
  series.name.ns = regarding.name.ns.empty() ? "default" : regarding.name.ns;
  series.name.name = cut(regarding.name.name, 200) + "." +
                     name_digest(regarding.uid + '\0' + key.text.reason + '\0' + key.text.action + '\0' + key.text.note + '\0' +
                                     format_micro_time(now) + '\0' + options_.instance,
                                 16);
  series_.emplace(key, std::move(series));
  order_.push_back(key);
}

Json EventRecorder::event(const Key& key, const Series& series) const {
  Json regarding = {{"apiVersion", key.regarding.api_version}, {"kind", key.regarding.kind}, {"name", key.regarding.name.name}};
  if (!key.regarding.name.ns.empty()) regarding["namespace"] = key.regarding.name.ns;
  if (!key.regarding.uid.empty()) regarding["uid"] = key.regarding.uid;
  Json out = {{"apiVersion", resources::kEvents.api_version()},
              {"kind", resources::kEvents.kind},
              {"metadata", {{"namespace", series.name.ns}, {"name", series.name.name}}},
              {"eventTime", micro_time(series.first)},
              {"reportingController", options_.controller},
              {"reportingInstance", options_.instance.empty() ? options_.controller : options_.instance},
              {"action", key.text.action},
              {"reason", key.text.reason},
              {"note", key.text.note},
              {"type", key.text.type == EventText::Type::Warning ? "Warning" : "Normal"},
              {"regarding", std::move(regarding)}};
  if (series.count > 1) out["series"] = series_of(series.count, series.last);
  return out;
}

Expected<void> EventRecorder::write(const Key& key, const Series& series) {
  if (series.written > 0) {
    const auto patched = api_.patch(resources::kEvents, series.name, PatchType::Merge, {{"series", series_of(series.count, series.last)}});
    if (patched) return {};
    if (!patched.error().is(Error::Kind::NotFound)) return Unexpected(patched.error());
    // Events expire after an hour: a series that outlives its object makes it again.
  }
  const auto created = api_.create(resources::kEvents, event(key, series));
  if (!created && !created.error().is(Error::Kind::Exists)) return Unexpected(created.error());
  return {};
}

bool EventRecorder::due(const Series& series, Duration now) const {
  return series.written == 0 || now - series.last_write >= options_.series_update;
}

bool EventRecorder::token(Duration now) {
  tokens_ = std::min(options_.burst, tokens_ + seconds(now - refilled_) * options_.writes_per_second);
  refilled_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

Duration EventRecorder::flush() { return flush_with(false); }

Duration EventRecorder::flush_with(bool everything) {
  std::vector<Key> later;
  Duration wait = kIdle;
  for (;;) {
    Key key;
    Series series;
    {
      std::lock_guard lock(mutex_);
      if (order_.empty()) break;
      key = order_.front();
      const Duration now = clock_.monotonic();
      const Series& next = series_.at(key);
      if (!everything && !due(next, now)) {
        order_.pop_front();
        later.push_back(key);
        continue;
      }
      if (!everything && !token(now)) {
        wait = Duration(static_cast<long long>(1000 / std::max(options_.writes_per_second, 0.001)));
        break;
      }
      order_.pop_front();
      series = next;
    }
    const auto written = write(key, series);  // without the lock: record() never waits for the server
    std::lock_guard lock(mutex_);
    const auto known = series_.find(key);
    if (known == series_.end() || known->second.name != series.name) continue;
    if (written) {
      known->second.written = series.count;
      known->second.last_write = clock_.monotonic();
      if (known->second.count > series.count && std::find(order_.begin(), order_.end(), key) == order_.end()) later.push_back(key);
    } else if (written.error().is(Error::Kind::Unavailable) && everything) {
      dropped_ += order_.size() + 1;  // we are going down and the server is not there: do not wait for each in turn
      order_.clear();
      break;
    } else if (written.error().is(Error::Kind::Unavailable)) {
      later.push_back(key);
      wait = std::max(kIdle, written.error().retry_after);
      break;
    } else {
      ++dropped_;
      std::erase(order_, key);
      series_.erase(known);
    }
  }
  std::lock_guard lock(mutex_);
  for (const Key& key : later)
    if (series_.contains(key) && std::find(order_.begin(), order_.end(), key) == order_.end()) order_.push_back(key);
  // Series that ended and are fully written are forgotten.
  std::erase_if(series_, [&](const auto& entry) {
    return entry.second.count == entry.second.written && clock_.now() - entry.second.last >= options_.series_window;
  });
  return wait;
}

void EventRecorder::run(std::stop_token stop) {
  while (!stop.stop_requested()) pause(flush_with(false), stop);
  flush_with(true);
}

std::size_t EventRecorder::dropped() const {
  std::lock_guard lock(mutex_);
  return dropped_;
}

std::size_t EventRecorder::queued() const {
  std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace sluice::kube
