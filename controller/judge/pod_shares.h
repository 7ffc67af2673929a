// Do the canary's bad requests come from one pod? Counted in eight fixed places, whatever the number of pods.
//
// A full table gives its least entry to a newcomer, which takes over that entry's count (Space-Saving): a pod that has more than
// an eighth of all bad requests is never lost, and no count is too high by more than the least entry. For the sentence only.
// Value of fixed size, no allocation.
// Source: Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data streams" (2005).
#pragma once

#include <algorithm>
#include <array>

#include "controller/judge/counts.h"

namespace sluice::judge {

struct PodShares {
  std::array<PodBad, 8> places{};
  double bad = 0;  // of all pods
  int pods = 0;    // most pods seen in one tick

  void add(const std::array<PodBad, kPodsPerTick>& tick, int canary_pods) {
    pods = std::max(pods, canary_pods);
    for (const PodBad& pod : tick) {
      if (pod.pod == 0 || !(pod.bad > 0) || pod.bad > Counts::kMaxCount) continue;
      bad += pod.bad;
      auto place = std::find_if(places.begin(), places.end(), [&](const PodBad& p) { return p.pod == pod.pod; });
      if (place == places.end())
        place = std::min_element(places.begin(), places.end(), [](const PodBad& a, const PodBad& b) { return a.bad < b.bad; });
      place->pod = pod.pod;
      place->bad += pod.bad;
    }
  }
  // The pod with the most bad requests; {0, 0} if none is known.
  PodBad worst() const {
    return *std::max_element(places.begin(), places.end(), [](const PodBad& a, const PodBad& b) { return a.bad < b.bad; });
  }
  friend bool operator==(const PodShares&, const PodShares&) = default;
};

}  // namespace sluice::judge
