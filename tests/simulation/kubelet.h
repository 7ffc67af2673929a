// The life of pods: pending, running, ready, stopped, gone. The template's annotations decide how it goes:
//   sim/ready: "never" | "crash" | a duration   never ready; exits again and again; ready that long after the start
//   sim/crash-after: a duration                 ready at first, then exits again and again
// The process exits at once on SIGTERM, as an application does that knows nothing of draining.
#pragma once

#include <unordered_map>

#include "tests/simulation/context.h"

namespace sluice::simulation {

struct PodLife {
  Name name;
  std::string uid;
  std::string replica_set;  // name of the owner when it was made; "" for a bare pod
  bool running = false;     // the process runs and answers
  bool ready = false;       // as the API shows
  bool stopped = false;     // ended for good
  Time ready_at;
  Time last_request{Duration(0)};  // when it was last among those that are sent requests
  int restarts = 0;
};

class Kubelet {
 public:
  explicit Kubelet(Context& context) : context_(context) {}
  void on_change(const Change& change);
  // Called when a process starts or ends; `gone` tells that it ended for good.
  void on_process(std::function<void(PodLife&, bool gone)> listener) { listener_ = std::move(listener); }

  const PodLife* life(const std::string& uid) const;
  PodLife* life(const std::string& uid);
  template <typename Visit>
  void each(Visit visit) const {
    for (const auto& [uid, life] : lives_) visit(life);
  }

 private:
  void start(const std::string& uid);
  void become_ready(const std::string& uid);
  void crash(const std::string& uid);
  void stop(const std::string& uid);
  void write_status(const PodLife& life, const char* waiting);

  Context& context_;
  std::function<void(PodLife&, bool)> listener_;
  std::unordered_map<std::string, PodLife> lives_;
};

}  // namespace sluice::simulation
