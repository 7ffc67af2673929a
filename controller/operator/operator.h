// The shell: informers, a work queue, workers, sampling, leader election, metrics and probes, put together.
//
// Everybody keeps warm caches; only the holder of the Lease reconciles. Losing the Lease stops the workers before any other
// process may write; the caches stay warm and the process stands by again.
#pragma once

#include <set>
#include <stop_token>
#include <string>

#include "common/core/clock.h"
#include "common/core/error.h"
#include "common/http/transport.h"
#include "common/telemetry/health.h"
#include "common/telemetry/metrics.h"
#include "controller/engine/world.h"
#include "controller/kube/api.h"

namespace sluice::op {

struct OperatorOptions {
  std::string ns;                      // watch only this namespace; empty: all
  std::string prometheus;              // default address for Rollouts that name none
  std::set<std::string> allowed_urls;  // further Prometheus addresses that Rollouts may name
  bool gate_by_policy = true;
  std::size_t workers = 4;
  std::size_t samplers = 4;
  bool leader_election = true;
  kube::Name lease{"sluice-system", "sluice-operator"};
  std::string identity;  // of this process, unique
};

// Runs until stop is requested. `lease_api` is for the Lease alone, with short deadlines (kube/leader_election.h). Error: it cannot
// start (the API is not there or not served).
Expected<void> run_operator(kube::Api& api, kube::Api& lease_api, const OperatorOptions& options, const Clock& clock,
                            metrics::Registry& metrics, telemetry::Health& health, std::stop_token stop);

}  // namespace sluice::op
