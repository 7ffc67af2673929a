#include "sample-service/worker/relay.h"

#include "common/telemetry/log.h"

namespace courier {
namespace {

constexpr Duration kSweepEvery{1'000};
constexpr Duration kLeadFor{5'000};
constexpr Duration kOurOwn{2'000};          // younger notices are passed on by whoever wrote them
constexpr Duration kTooLate{30'000};        // by then workers have long found it by themselves
constexpr Duration kStatsEvery{10'000};     // between two counts
constexpr std::size_t kStatsPiece = 2'500;  // some milliseconds; a million deliveries are counted in a minute and a half
constexpr int kStatsPieces = 4;             // of a sweep
constexpr std::size_t kAtATime = 500;

}  // namespace

Relay::Relay(Parts parts)
    : parts_(std::move(parts)),
      swept_(parts_.metrics.counter("jobs_swept_total", "Overdue jobs that were announced again.")),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Relay::~Relay() { end(); }

void Relay::end() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  if (const auto done = pass_on(); !done) sluice::log::warn("notices are left to others", {{"error", to_string(done.error())}});
}

void Relay::stored(const std::string& message) {
  {
    const std::lock_guard lock(mutex_);
    if (stored_.size() >= kRemembered) return;
    stored_.push_back(message);
  }
  changed_.notify_one();
}

Expected<void> Relay::pass_on() {
  std::vector<std::string> messages;
  {
    const std::lock_guard lock(mutex_);
    messages.swap(stored_);
  }
  if (messages.empty()) return {};
  if (auto told = parts_.wake.announce(messages); !told) return told;  // the sweep tells them later
  return parts_.executor.call([&] { return parts_.store.forget_notices_of(messages); });
}

Expected<void> Relay::sweep() {
  const std::lock_guard lock(sweeping_);
  const Time now = parts_.clock.now();
  if (leads_until_ - now < kLeadFor / 2) {  // each renewal is a write, which an idle courier should not need each second
    const auto leads = parts_.executor.call([&] { return parts_.store.lead("relay", parts_.self, now, kLeadFor); });
    if (!leads) return tl::make_unexpected(leads.error());
    if (!*leads) {
      stats_ = {};  // whoever leads counts from the start
      return {};
    }
    leads_until_ = now + kLeadFor;
  }

  const auto notices = parts_.executor.call([&] { return parts_.store.outbox(now - kOurOwn, kAtATime); });
  if (!notices) return tl::make_unexpected(notices.error());
  const auto overdue = parts_.executor.call([&] { return parts_.store.overdue(now - kOurOwn, kAtATime); });
  if (!overdue) return tl::make_unexpected(overdue.error());
  std::vector<std::string> jobs = *overdue;
  std::vector<long long> sequences;
  for (const Notice& notice : *notices) {
    jobs.push_back(notice.reference);
    sequences.push_back(notice.sequence);
  }
  swept_.add(static_cast<double>(overdue->size()));
  const auto told = parts_.wake.announce(jobs);
  if (!told) {
    // The broker is away. What is old has been found by polling, and must not hold up intake as if nobody passed it on.
    sequences.clear();
    const auto old = parts_.executor.call([&] { return parts_.store.outbox(now - kTooLate, 10 * kAtATime); });
    if (!old) return tl::make_unexpected(old.error());
    for (const Notice& notice : *old) sequences.push_back(notice.sequence);
  }
  if (auto done = parts_.executor.call([&] { return parts_.store.forget_notices(sequences); }); !done) return done;
  if (parts_.clock.monotonic() >= next_stats_) {
    if (auto done = count_stats(); !done) return done;
  }
  return told;
}

Expected<void> Relay::count_stats() {
  for (int piece = 0; piece < kStatsPieces && !stats_.over; ++piece) {
    if (auto done = parts_.executor.call([&] { return parts_.store.count_stats(stats_, kStatsPiece); }); !done) return done;
  }
  if (!stats_.over) return {};  // the next sweep goes on
  const StatsCount count = std::exchange(stats_, {});
  next_stats_ = parts_.clock.monotonic() + kStatsEvery;
  return parts_.executor.call([&] { return parts_.store.keep_stats(count, parts_.clock.now()); });
}

void Relay::run(const std::stop_token& stop) {
  Duration next_sweep{0};
  bool complained = false;
  while (!stop.stop_requested()) {
    auto done = pass_on();
    if (parts_.clock.monotonic() >= next_sweep) {
      next_sweep = parts_.clock.monotonic() + kSweepEvery;
      auto swept = sweep();
      if (done) done = std::move(swept);
    }
    if (!done && !complained) sluice::log::warn("notices cannot be passed on", {{"error", to_string(done.error())}});
    complained = !done;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kSweepEvery, [&] { return !stored_.empty(); });
  }
}

}  // namespace courier
