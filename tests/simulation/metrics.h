// What a Prometheus would have scraped: requests per ReplicaSet from the history of traffic, errors and slow answers from
// the pod template's annotations:
//   sim/errors: "5%"    share of requests answered with an error
//   sim/slow: "30%"     share of requests over the latency threshold
// One second is one scrape. Counts are Poisson and binomial, drawn from (seed, ReplicaSet, second), so the same question
// always has the same answer, in any order of asking.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/simulation/context.h"
#include "tests/simulation/traffic.h"

namespace sluice::simulation {

// Raw counter increments of one ReplicaSet over (from, to]. NaN where Prometheus answers with NaN.
struct Increments {
  double total = 0;
  double errors = 0;
  double slow = 0;
  bool present = false;  // false: no series, as this set has never been sent a request
};

class Metrics {
 public:
  Metrics(Context& context, const Traffic& traffic) : context_(context), traffic_(traffic) {}
  void on_change(const Change& change);

  // Unavailable within an outage. Whole seconds only: a scrape belongs to the interval in which it happened.
  Expected<Increments> increments(const std::string& ns, const std::string& replica_set, Time from, Time to) const;
  // Outages and NaN windows last for [from, to).
  void down(Time from, Time to) { outages_.push_back({from, to}); }
  void not_a_number(Time from, Time to) { nan_.push_back({from, to}); }
  // From now on the set behaves otherwise than its template says, e.g. an incident of the baseline. Shares in 0..1.
  void behave(const std::string& ns, const std::string& replica_set, double errors, double slow);

 private:
  struct Behaviour {
    Time from;
    double errors = 0;
    double slow = 0;
  };
  struct Window {
    Time from;
    Time to;
  };
  double requests(const std::string& ns, const std::string& replica_set, Time from, Time to) const;

  Context& context_;
  const Traffic& traffic_;
  std::map<Name, std::vector<Behaviour>> behaviours_;
  std::vector<Window> outages_;
  std::vector<Window> nan_;
};

}  // namespace sluice::simulation
