#include "tests/simulation/feed.h"

#include <algorithm>

namespace sluice::simulation {

Feed::Feed(const Cluster& cluster, std::vector<Resource> resources, Bounds lag, std::uint64_t seed)
    : cluster_(cluster), lag_(lag), random_(seed) {
  for (auto& resource : resources) streams_.push_back({std::move(resource), 0, {}, {}, {}});
  restart();
}

void Feed::restart() {
  const Time now = cluster_.now();
  for (auto& stream : streams_) {
    stream.under_way.clear();
    stream.read = cluster_.journal(stream.resource).size();
    stream.last = now;
    cluster_.each(stream.resource, "", [&](const Name& name, const JsonPtr& object) {
      const auto version = std::strtoull(text(*object, {"metadata", "resourceVersion"}).c_str(), nullptr, 10);
      stream.under_way.push_back({now, {&stream.resource, kube::WatchEvent::Type::Added, name, object, version, now}});
    });
  }
}

void Feed::scan() {
  for (auto& stream : streams_) {
    const auto& journal = cluster_.journal(stream.resource);
    for (; stream.read < journal.size(); ++stream.read) {
      const Change& change = journal[stream.read];
      stream.last = std::max({stream.last, change.at + random_.within(lag_), stream.stalled_until});
      stream.under_way.push_back({stream.last, {&stream.resource, change.type, change.name, change.object, change.version, change.at}});
    }
  }
}

std::optional<Time> Feed::next_due() {
  scan();
  std::optional<Time> first;
  for (const auto& stream : streams_) {
    if (!stream.under_way.empty() && (!first || stream.under_way.front().first < *first)) first = stream.under_way.front().first;
  }
  return first;
}

std::vector<Delivery> Feed::take() {
  scan();
  const Time now = cluster_.now();
  std::vector<std::pair<Time, Delivery>> due;
  for (auto& stream : streams_) {
    auto end = std::find_if(stream.under_way.begin(), stream.under_way.end(), [&](const auto& entry) { return entry.first > now; });
    std::move(stream.under_way.begin(), end, std::back_inserter(due));
    stream.under_way.erase(stream.under_way.begin(), end);
  }
  std::stable_sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Delivery> deliveries;
  for (auto& entry : due) deliveries.push_back(std::move(entry.second));
  return deliveries;
}

void Feed::stall(const Resource& resource, Time until) {
  scan();
  for (auto& stream : streams_) {
    if (stream.resource != resource) continue;
    stream.stalled_until = until;
    for (auto& entry : stream.under_way) entry.first = std::max(entry.first, until);
    stream.last = std::max(stream.last, until);
  }
}

}  // namespace sluice::simulation
