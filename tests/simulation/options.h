// How one simulated cluster behaves: its delays, its traffic and its seed. The defaults lie around what was measured on a
// real control plane with a real gateway (docs/protocol.md); a scenario widens them to be unkind.
#pragma once

#include <cstdint>
#include <string_view>

#include "tests/simulation/random.h"

namespace sluice::simulation {

// The requester that the policies exempt and whose writes are counted and broken by FaultPlan.
inline constexpr std::string_view kOperator = "operator";
// Any requester that is neither the operator nor a controller of the cluster.
inline constexpr std::string_view kUser = "user";

struct Options {
  std::uint64_t seed = 1;

  // Reaction delays, change -> effect. Two passes of a ReplicaSet (delete pods, count them) fit between two passes of a
  // Deployment: the real rolling update trusts the sets' status, and falls below its availability where that is stale.
  Bounds deployment{Duration(50), Duration(400)};
  Bounds replica_set{Duration(2), Duration(20)};
  Bounds garbage{Duration(10), Duration(300)};
  Bounds endpoints{Duration(5), Duration(150)};        // pod or Service -> EndpointSlice
  Bounds data_plane{Duration(1), Duration(150)};       // EndpointSlice, Service or route -> where requests go
  Bounds gateway_status{Duration(30), Duration(150)};  // route -> its status conditions
  Bounds warm_up{Duration(10), Duration(100)};         // a backend that the data plane did not know before

  // Life of a pod.
  Bounds pod_start{Duration(300), Duration(3000)};  // created -> running, and ready unless the template says otherwise
  Bounds pod_stop{Duration(0), Duration(50)};       // deleted -> the process has exited (it exits at once on SIGTERM)
  Bounds pod_gone{Duration(200), Duration(2000)};   // exited -> the object is gone

  // Requests are lost when their pod stops less than this after it was last sent one.
  Duration longest_request{1000};
  // How long a pin may stand on a ReplicaSet that is smaller than its Deployment (after a user scaled it) before I12 counts.
  Duration pin_grace{60'000};

  bool policies = true;  // gate, keep and pin are installed
  int endpoints_per_slice = 100;
};

}  // namespace sluice::simulation
