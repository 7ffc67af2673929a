// Watches as they are in reality: every resource's changes arrive in order, each a little late, and the resources overtake
// one another. A harness takes what is due and puts it into the operator's stores.
//
//   Feed feed(cluster, {kDeployments, kReplicaSets}, {Duration(0), Duration(500)}, seed);
//   cluster.advance_to(std::min(wanted, feed.next_due().value_or(wanted)));
//   for (const auto& delivery : feed.take()) stores.put(*delivery.resource, delivery.type, *delivery.object);
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "tests/simulation/cluster.h"

namespace sluice::simulation {

struct Delivery {
  const Resource* resource = nullptr;
  kube::WatchEvent::Type type = kube::WatchEvent::Type::Added;
  Name name;
  JsonPtr object;
  std::uint64_t version = 0;
  Time happened;
};

class Feed {
 public:
  // Begins with a list: everything that exists is due at once, as Added.
  Feed(const Cluster& cluster, std::vector<Resource> resources, Bounds lag, std::uint64_t seed);

  // When the next change arrives.
  std::optional<Time> next_due();
  // What has arrived by now, in order of arrival.
  std::vector<Delivery> take();
  // Nothing of this resource arrives before `until`: a watch that hangs.
  void stall(const Resource& resource, Time until);
  // A new process: forgets what was under way and lists again.
  void restart();

 private:
  struct Stream {
    Resource resource;
    std::size_t read = 0;  // journal entries that have an arrival time
    Time last;             // arrival of the latest one
    Time stalled_until;
    std::vector<std::pair<Time, Delivery>> under_way;  // in order
  };
  void scan();

  const Cluster& cluster_;
  Bounds lag_;
  Random random_;
  std::vector<Stream> streams_;
};

}  // namespace sluice::simulation
