// Leader election over a coordination.k8s.io Lease: at most one process acts, and none acts when the lease may be lost.
//
// The rule of client-go (https://pkg.go.dev/k8s.io/client-go/tools/leaderelection): who finds that a lease has not changed
// for its duration, measured by its own clock from when it saw the last change, may take it. So the holder is safe until
// `duration` after it *began* its last successful renewal, however long the answer took. is_leader() is already false
// `duration - renew_deadline` (5 s) before that: the stop margin, in which writes on their way come to their end (see
// HttpApiOptions::write_deadline). It compares with a clock that goes on while the process is paused: a process that wakes up
// after a pause is no leader before it has done anything. What a pause between the check and the write lets through is
// caught by the preconditions of the writes.
//
// LeaderElector::step() is the whole logic: one exchange with the server at most two calls long, and how long to wait.
// It sleeps never, so tests run it in virtual time. run_elected() is the thread shell. Give it an Api of its own whose calls
// end within a few seconds (HttpApiOptions: read_deadline 4 s, read_attempts 1), so that a slow read costs no renewal.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "common/core/clock.h"
#include "controller/kube/api.h"

namespace sluice::kube {

struct LeaderOptions {
  Name lease;
  std::string identity;  // of this process, unique: "<pod name>_<random>"
  Duration duration{15'000};
  Duration renew_deadline{10'000};
  Duration retry{2'000};
  // Called with what went wrong in a step, for logs.
  std::function<void(const Error&)> on_error{};
};

class LeaderElector {
 public:
  // unit: uniform in [0, 1), for jitter. Invalid timings (not duration > renew_deadline > retry > 0) are put right by the
  // defaults. References must outlive the elector.
  LeaderElector(Api& api, LeaderOptions options, const Clock& clock, std::function<double()> unit);

  // Tries to acquire or renew; returns when to step again. One thread.
  Duration step();
  // The same for who is the leader and must hear of it when the lease runs out, even for an instant: never acquires. Same thread.
  Duration renew();
  // Gives the lease up at once, so that another need not wait for it to expire. After the work has stopped. One thread.
  void release();

  // Cheap (two atomic loads and a clock), from any thread; ask before every write.
  bool is_leader() const { return time_left() > Duration(0); }
  // How long is_leader() stays true if no renewal succeeds any more; 0: not the leader.
  Duration time_left() const;
  // The holder as step() last saw it; "" if none. Same thread as step().
  std::string holder() const { return observed_.holder; }

 private:
  struct Record {
    std::string holder;
    Duration duration{0};
    std::string acquired;
    std::string renewed;
    int transitions = 0;
    std::string version;  // resourceVersion
  };
  static Record parse(const Json& lease);
  Json lease(const Record& record) const;
  enum class May { Acquire, Renew };
  Duration attempt(May may);
  void observe(Record record, Duration now);
  Duration failed(const Error& error);
  Duration retry_jittered() const;

  Api& api_;
  LeaderOptions options_;
  const Clock& clock_;
  const std::function<double()> unit_;
  Record observed_;
  bool exists_ = false;                     // the lease object does
  std::optional<Duration> observed_at_;     // when it last changed, by our monotonic clock
  std::atomic<long long> leader_until_{0};  // monotonic milliseconds
  std::atomic<bool> leading_ = false;
};

// Waits to become leader, then runs `work` in a thread with a stop token that is stopped when the lease may be lost or when
// `stop` is requested; the lease is released when `work` has returned. Returns when stop was requested or, with true, when
// leadership was lost (most programs then exit and start afresh).
bool run_elected(LeaderElector& elector, std::stop_token stop, const std::function<void(std::stop_token)>& work);

}  // namespace sluice::kube
