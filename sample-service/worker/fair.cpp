#include "sample-service/worker/fair.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace courier {
namespace {

constexpr int kUrgentInARow = 3;
constexpr std::size_t kRemembered = 10'000;

std::size_t share(std::size_t workers, std::size_t quarters) { return std::max<std::size_t>(1, workers * quarters / 4); }

}  // namespace

// What is in flight, with what has been picked so far.
struct Fair::Tally {
  std::map<std::string, int> tenants{};
  std::map<std::string, int> receivers{};       // in all processes
  std::map<std::string, std::size_t> own{};     // in this one
  std::map<Standing, std::size_t> standings{};  // in this one
};

bool Fair::has_room(const Receiver& receiver, std::size_t running, const Tally& tally) const {
  if (receiver.standing == Standing::Good) return running < share(workers_, 3);
  const auto all = tally.standings.find(receiver.standing);
  const std::size_t of_its_kind = all == tally.standings.end() ? 0 : all->second;
  return running < share(workers_, 1) && of_its_kind < share(workers_, receiver.standing == Standing::Unknown ? 2 : 1);
}

const Backlog* Fair::best(const std::vector<Backlog>& backlog, Lane lane, const Tally& tally, Time now) const {
  static const Receiver kUnknown;
  const Backlog* found = nullptr;
  std::tuple<int, unsigned long long, int, unsigned long long> least;
  for (const Backlog& entry : backlog) {
    if (entry.lane != lane) continue;
    const auto known = known_.find(entry.receiver);
    const Receiver& receiver = known == known_.end() ? kUnknown : known->second;
    if (receiver.held_until > now) continue;
    const int in_flight = tally.receivers.at(entry.receiver);
    if (entry.max_inflight > 0 && in_flight >= entry.max_inflight) continue;
    if (!has_room(receiver, tally.own.at(entry.receiver), tally)) continue;
    const auto tenant_turn = tenants_.find(entry.tenant);
    const std::tuple rank{tally.tenants.at(entry.tenant), tenant_turn == tenants_.end() ? 0 : tenant_turn->second, in_flight,
                          receiver.last_turn};
    if (!found || rank < least) {
      found = &entry;
      least = rank;
    }
  }
  return found;
}

std::vector<Pick> Fair::choose(const std::vector<Backlog>& backlog, std::size_t free, Time now) {
  forget_the_idle(backlog, now);
  Tally tally;
  for (const Backlog& entry : backlog) {
    const bool first_lane = tally.receivers.emplace(entry.receiver, entry.in_flight).second;
    tally.tenants[entry.tenant] += first_lane ? entry.in_flight : 0;
    const auto known = known_.find(entry.receiver);
    tally.own[entry.receiver] = known == known_.end() ? 0 : known->second.running;
  }
  for (const auto& [name, receiver] : known_) tally.standings[receiver.standing] += receiver.running;

  std::vector<Pick> picks;
  for (; free > 0; --free) {
    const Backlog* urgent = best(backlog, Lane::Urgent, tally, now);
    const Backlog* normal = best(backlog, Lane::Normal, tally, now);
    const Backlog* chosen = urgent && (!normal || urgent_in_a_row_ < kUrgentInARow) ? urgent : normal;
    if (!chosen) break;
    urgent_in_a_row_ = chosen == urgent ? urgent_in_a_row_ + 1 : 0;
    Receiver& receiver = known_[chosen->receiver];
    receiver.last_turn = tenants_[chosen->tenant] = ++turn_;
    ++tally.tenants[chosen->tenant];
    ++tally.receivers[chosen->receiver];
    ++tally.own[chosen->receiver];
    ++tally.standings[receiver.standing];
    const auto same = std::find_if(picks.begin(), picks.end(),
                                   [&](const Pick& pick) { return pick.receiver == chosen->receiver && pick.lane == chosen->lane; });
    if (same == picks.end()) picks.push_back({chosen->receiver, chosen->lane, 1});
    else ++same->count;
  }
  return picks;
}

void Fair::ended(const std::string& receiver, bool well) {
  Receiver& known = known_[receiver];
  if (known.running > 0) --known.running;
  known.standing = well ? Standing::Good : Standing::Bad;
}

std::size_t Fair::running() const {
  std::size_t running = 0;
  for (const auto& [name, receiver] : known_) running += receiver.running;
  return running;
}

void Fair::forget_the_idle(const std::vector<Backlog>& backlog, Time now) {
  if (known_.size() < kRemembered && tenants_.size() < kRemembered) return;
  std::set<std::string> waiting;
  for (const Backlog& entry : backlog) waiting.insert(entry.receiver);
  std::erase_if(
      known_, [&](const auto& item) { return item.second.running == 0 && item.second.held_until <= now && !waiting.contains(item.first); });
  tenants_.clear();
}

}  // namespace courier
