#include "controller/kube/leader_election.h"

#include <algorithm>
#include <thread>

#include "common/core/pause.h"
#include "controller/kube/object.h"

namespace sluice::kube {
namespace {

constexpr Duration kCheck{100};  // how late run_elected may notice that the lease is lost

std::string text(const Json& object, std::initializer_list<std::string_view> path) {
  const Json& value = at(object, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

long long integer(const Json& object, std::initializer_list<std::string_view> path) {
  const Json& value = at(object, path);
  return value.is_number_integer() ? std::clamp<long long>(value.get<std::int64_t>(), 0, 1'000'000'000) : 0;
}

}  // namespace

LeaderElector::LeaderElector(Api& api, LeaderOptions options, const Clock& clock, std::function<double()> unit)
    : api_(api), options_(std::move(options)), clock_(clock), unit_(std::move(unit)) {
  if (!(options_.duration > options_.renew_deadline && options_.renew_deadline > options_.retry && options_.retry > Duration(0))) {
    const LeaderOptions sound;
    options_.duration = sound.duration;
    options_.renew_deadline = sound.renew_deadline;
    options_.retry = sound.retry;
  }
}

LeaderElector::Record LeaderElector::parse(const Json& lease) {
  Record out;
  out.holder = text(lease, {"spec", "holderIdentity"});
  out.duration = Duration(1000 * integer(lease, {"spec", "leaseDurationSeconds"}));
  out.acquired = text(lease, {"spec", "acquireTime"});
  out.renewed = text(lease, {"spec", "renewTime"});
  out.transitions = static_cast<int>(integer(lease, {"spec", "leaseTransitions"}));
  out.version = resource_version_of(lease);
  return out;
}

Json LeaderElector::lease(const Record& record) const {
  Json out = {{"apiVersion", resources::kLeases.api_version()},
              {"kind", resources::kLeases.kind},
              {"metadata", {{"namespace", options_.lease.ns}, {"name", options_.lease.name}}},
              {"spec",
               {{"holderIdentity", record.holder},
                {"leaseDurationSeconds", std::max<long long>(1, record.duration.count() / 1000)},
                {"renewTime", record.renewed},
                {"leaseTransitions", record.transitions}}}};
  if (!record.acquired.empty()) out["spec"]["acquireTime"] = record.acquired;
  if (!record.version.empty()) out["metadata"]["resourceVersion"] = record.version;
  return out;
}

Duration LeaderElector::time_left() const {
  if (!leading_.load(std::memory_order_acquire)) return Duration(0);
  return std::max(Duration(0), Duration(leader_until_.load(std::memory_order_acquire)) - clock_.monotonic());
}

Duration LeaderElector::retry_jittered() const {
  return options_.retry + Duration(static_cast<long long>(0.2 * unit_() * static_cast<double>(options_.retry.count())));
}

Duration LeaderElector::failed(const Error& error) {
  if (options_.on_error) options_.on_error(error);
  return retry_jittered();
}

void LeaderElector::observe(Record record, Duration now) {
  if (!observed_at_ || !exists_ || record.version != observed_.version || record.renewed != observed_.renewed ||
      record.holder != observed_.holder)
    observed_at_ = now;
  observed_ = std::move(record);
  exists_ = true;
}

Duration LeaderElector::step() {
  if (!is_leader()) leading_.store(false, std::memory_order_release);
  return attempt(May::Acquire);
}

Duration LeaderElector::renew() { return attempt(May::Renew); }

Duration LeaderElector::attempt(May may) {
  const auto lost = [&] {
    if (may == May::Acquire || is_leader()) return false;
    leading_.store(false, std::memory_order_release);
    return true;
  };
  // A leader renews from what it wrote last, with one call; only a conflict makes it read again.
  if (!is_leader() || !exists_) {
    const auto got = api_.get(resources::kLeases, options_.lease);
    if (got) {
      observe(parse(*got), clock_.monotonic());
    } else if (got.error().is(Error::Kind::NotFound)) {
      exists_ = false;
      observed_ = {};
    } else {
      return failed(got.error());
    }
    const bool held_by_other = exists_ && !observed_.holder.empty() && observed_.holder != options_.identity;
    // The holder's own word for how long it holds counts, if it gave one.
    const Duration held_for = std::max(observed_.duration, options_.duration);
    if (held_by_other) leading_.store(false, std::memory_order_release);  // whoever let it happen, it is not ours any more
    if (held_by_other && clock_.monotonic() < *observed_at_ + held_for) return retry_jittered();
  }
  if (lost()) return retry_jittered();

  Record next = observed_;
  const std::string now = format_micro_time(clock_.now());
  if (next.holder != options_.identity) {
    next.acquired = now;
    if (exists_ && !next.holder.empty()) ++next.transitions;
  }
  next.holder = options_.identity;
  next.duration = options_.duration;
  next.renewed = now;
  // The lease counts from before the request: the server may carry it out at any time until the answer.
  const Duration began = clock_.monotonic();
  const auto written = exists_ ? api_.update(resources::kLeases, lease(next)) : api_.create(resources::kLeases, lease(next));
  if (!written) {
    // Somebody else wrote, or nobody knows whether we did: the next step reads the lease before it says anything.
    exists_ = false;
    return failed(written.error());
  }
  observe(parse(*written), clock_.monotonic());
  if (lost()) return retry_jittered();  // it ran out while the answer was on its way: somebody may have seen that
  leader_until_.store((began + options_.renew_deadline).count(), std::memory_order_release);
  leading_.store(true, std::memory_order_release);
  return options_.retry;
}

void LeaderElector::release() {
  const bool was_leader = is_leader();
  leading_.store(false, std::memory_order_release);
  if (!was_leader || !exists_) return;
  Record next = observed_;
  next.holder.clear();
  next.duration = Duration(1'000);
  next.renewed = format_micro_time(clock_.now());
  const auto written = api_.update(resources::kLeases, lease(next));  // with our resourceVersion: never another's lease
  exists_ = false;
  if (!written && options_.on_error) options_.on_error(written.error());
}

bool run_elected(LeaderElector& elector, std::stop_token stop, const std::function<void(std::stop_token)>& work) {
  while (!elector.is_leader()) {
    if (stop.stop_requested()) return false;
    const Duration next = elector.step();
    if (!elector.is_leader()) pause(next, stop);
  }
  std::atomic<bool> finished = false;
  std::jthread worker([&](std::stop_token token) {
    work(token);
    finished = true;
  });
  // Renewals may block for as long as a call does; who watches the deadline must not.
  std::jthread renewer([&](std::stop_token token) {
    while (!token.stop_requested()) { pause(elector.is_leader() ? elector.renew() : kCheck, token); }
  });
  while (!stop.stop_requested() && !finished && elector.is_leader()) pause(kCheck, stop);
  const bool lost = !elector.is_leader();
  worker.request_stop();
  worker.join();  // while the renewer still holds the lease for its last writes
  renewer.request_stop();
  renewer.join();
  elector.release();
  return lost;
}

}  // namespace sluice::kube
