// Where requests go, by what the data plane believes at this moment, and every interval in which some of them were lost.
//
// An "app" is a Service V with its requests per second. Requests reach V through the rules of the routes that name V or
// <V>-canary (each rule carries the same number), or, where no route does, straight through V's endpoints (ratio mode).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/context.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/kubelet.h"

namespace sluice::simulation {

using Shares = std::map<std::string, double>;  // ReplicaSet name -> share of V's requests, 0..1

struct ServiceTraffic {
  Name service;
  Shares by_replica_set;      // mean over the rules
  std::vector<Shares> rules;  // each rule that names V (ratio mode: one)
  double lost = 0;            // share that reaches no living pod
  double share(const std::string& replica_set) const {
    const auto it = by_replica_set.find(replica_set);
    return it == by_replica_set.end() ? 0.0 : it->second;
  }
};

struct TrafficView {
  Time at;
  std::vector<ServiceTraffic> services;
  const ServiceTraffic* find(const Name& service) const;
};

struct Loss {
  Time from;
  Time to;  // = from for requests in flight when a pod stopped
  Name service;
  double share = 0;
  std::string reason;
  std::string excuse;  // why a cluster without Sluice would have lost them too; "": a violation
};

class Traffic {
 public:
  Traffic(Context& context, Kubelet& kubelet, const Gateway& gateway) : context_(context), kubelet_(kubelet), gateway_(gateway) {}

  void track(const Name& service, double requests_per_second);
  void touch() { dirty_ = true; }
  // Settles the books of the present instant; called before the clock moves and before anybody looks.
  void flush();
  void pod_ended(PodLife& pod);

  const TrafficView& view() const { return view_; }
  const std::vector<Loss>& losses() const { return losses_; }

  struct Segment {
    Time from;
    Shares shares;
  };
  struct App {
    Name service;
    double requests_per_second = 100;
    std::vector<Segment> history;
  };
  const std::vector<App>& apps() const { return apps_; }

 private:
  struct Evaluation {
    ServiceTraffic traffic;
    std::vector<Loss> losses;
    std::set<std::string> pods;
  };
  Evaluation evaluate(const Name& service) const;
  void send(Evaluation& result, Shares& shares, const Backend& backend, double share, double rule_share, const std::string& route_by) const;
  std::string excuse_for_no_endpoints(const Name& service) const;
  void lose(Evaluation& result, double share, std::string reason, std::string excuse) const;
  void report(const Loss& loss) const;

  Context& context_;
  Kubelet& kubelet_;
  const Gateway& gateway_;
  bool dirty_ = true;
  std::vector<App> apps_;
  TrafficView view_;
  std::set<std::string> served_;  // uids of the pods that requests go to
  std::vector<Loss> losses_;
  std::map<std::string, std::size_t> open_;  // key of a loss that goes on -> index
};

}  // namespace sluice::simulation
