// What may go wrong between the operator and the API server, and the record of its writes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/kube/api.h"
#include "tests/simulation/random.h"

namespace sluice::simulation {

// Shares are probabilities per call, 0..1.
struct FaultPlan {
  // The operator dies at its n-th write from now (1 = the next): that call and every later one answer Cancelled "crash" until
  // Cluster::restart_operator(). Whether that write still reaches the server is drawn from the seed unless given.
  std::optional<int> crash_at_write = {};
  std::optional<bool> crash_after_apply = {};
  double conflict = 0;      // 409 of a write, not applied
  double too_many = 0;      // 429 with Retry-After: 1, not applied
  double server_error = 0;  // 500, not applied
  double lost_answer = 0;   // a write is applied, the answer is a time-out
  double read_error = 0;    // 500 of a get or list
};

// One write that a requester attempted.
struct Write {
  Time at;
  std::string by;
  std::string verb;  // create, update, patch, delete
  kube::Resource resource;
  kube::Name name;
  std::string subresource;
  kube::Json body;       // the object or patch; null for delete
  bool changed = false;  // false: refused, or a no-op
  std::string outcome;   // "ok" or the error

  // "patch deployment shop/web: ok", for messages.
  std::string str() const;
};

}  // namespace sluice::simulation
