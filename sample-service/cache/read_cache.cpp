#include "sample-service/cache/read_cache.h"

namespace courier {

using sluice::Error;
using sluice::fail;

ReadCache::ReadCache(Options options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      hit_(counter("l1", "hit")),
      stale_(counter("l1", "stale")),
      miss_(counter("l1", "miss")),
      shared_(counter("l1", "shared")),
      l1_(options_.bytes) {
  if (!parts_.l2) return;
  for (std::size_t i = 0; i < l2_.size(); ++i) l2_[i] = counter("l2", name(static_cast<L2::Result>(i)));
}

void ReadCache::read(const std::string& key, Done done, const Load& load) {
  std::optional<L1::Copy> copy;
  FlightPtr flight;
  {
    const std::lock_guard lock(mutex_);
    copy = l1_.find(key, parts_.clock.monotonic());
    if (copy && !copy->fresh && !copy->put_off) copy.reset();
    if (!copy) {
      const auto [found, first] = flights_.emplace(key, last_ + 1);
      if (first) flight = std::make_shared<Flight>(*this, key, ++last_);
      waiting_[found->second].push_back(std::move(done));
    }
  }
  if (copy) {
    (copy->fresh ? hit_ : stale_).add();
    return done(Read{std::move(copy->value), copy->version, true});
  }
  (flight ? miss_ : shared_).add();
  if (flight) begin(flight, key, load);
}

void ReadCache::begin(const FlightPtr& flight, const std::string& key, const Load& load) {
  if (!parts_.l2) return load(flight);
  parts_.l2->get(key, [this, flight, load](const L2::Found& found) {
    l2_[static_cast<std::size_t>(found.result)].add();
    if (found.result != L2::Result::Hit) return load(flight);
    Expected<Read> outcome = Read{found.value, 0, true};
    for (const Done& done : land(*flight, outcome)) done(outcome);
  });
}

void ReadCache::Flight::finish(const Expected<Read>& outcome) {
  Expected<Read> given = outcome;
  const auto waited = cache_.land(*this, given);
  if (cache_.parts_.l2 && outcome && outcome->keep) cache_.parts_.l2->put(key_, outcome->body);
  for (const Done& done : waited) done(given);
}

void ReadCache::Flight::abandon() {
  Expected<Read> given = fail(Error::Kind::Cancelled, "the load was given up");
  for (const Done& done : cache_.land(*this, given)) done(given);
}

std::vector<ReadCache::Done> ReadCache::land(const Flight& flight, Expected<Read>& outcome) {
  const std::lock_guard lock(mutex_);
  auto waiting = waiting_.extract(flight.id_);
  if (!waiting) return {};  // it has ended before
  const auto found = flights_.find(flight.key_);
  // Not so when a change was announced meanwhile: then what was loaded is not to be kept.
  const bool current = found != flights_.end() && found->second == flight.id_;
  if (current) flights_.erase(found);
  const Duration now = parts_.clock.monotonic();
  if (!outcome && outcome.error().is(Error::Kind::Unavailable)) {
    if (auto copy = l1_.find(flight.key_, now)) {
      l1_.put_off(flight.key_, now + kPutOff);
      outcome = Read{std::move(copy->value), copy->version, true};
      stale_.add(static_cast<double>(waiting.mapped().size()));
    }
  } else if (current && outcome && outcome->keep) {
    l1_.keep(flight.key_, outcome->body, outcome->version, options_.ttl, now, parts_.random());
  } else if (current && (outcome || !outcome.error().is(Error::Kind::Cancelled))) {
    l1_.drop(flight.key_);  // what was kept is not so any more
  }
  return std::move(waiting.mapped());
}

std::optional<Read> ReadCache::instead(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const Duration now = parts_.clock.monotonic();
  auto copy = l1_.find(key, now);
  if (!copy) return std::nullopt;
  if (!copy->fresh) l1_.put_off(key, now + kPutOff);
  stale_.add();
  return Read{std::move(copy->value), copy->version, true};
}

bool ReadCache::has(const std::string& key) {
  const std::lock_guard lock(mutex_);
  return l1_.find(key, parts_.clock.monotonic()).has_value();
}

void ReadCache::announce(const std::string& key, long long version) {
  const std::lock_guard lock(mutex_);
  l1_.drop_older(key, version);
  flights_.erase(key);
}

void ReadCache::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  l1_.drop(key);
  flights_.erase(key);
}

sluice::metrics::Counter ReadCache::counter(const char* layer, std::string_view result) const {
  return parts_.metrics.counter("cache_requests_total", "Reads by what each layer of the cache had.",
                                {{"cache", options_.name}, {"layer", layer}, {"result", std::string(result)}});
}

}  // namespace courier
