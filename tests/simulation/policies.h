// The admission policies that ship with Sluice (manifests/policies), simulated natively: gate pauses an adopted Deployment
// in the request that edits its template, keep refuses to unpause a held one, pin keeps a Service on its ReplicaSet.
#pragma once

#include "tests/simulation/api_server.h"

namespace sluice::simulation {

// `exempt` is the requester that the policies let through.
Admission policies(std::string exempt);

}  // namespace sluice::simulation
