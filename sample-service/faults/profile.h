// What goes wrong on purpose, as text: FAULT_PROFILE="errors=5%,latency=300ms@10%,crash-after=20s,never-ready,for=5m".
#pragma once

#include <optional>
#include <string_view>

#include "sample-service/domain/message.h"

namespace courier {

// Nobody forgets a drill for longer than this.
constexpr Duration kLongestFaults{10 * 60'000};

struct FaultProfile {
  double error_share = 0;                 // requests answered 500 instead of being handled
  Duration latency{0};                    // added before a request is handled...
  double latency_share = 1;               // ...to this share of them
  std::optional<Duration> crash_after{};  // the process aborts that long after its start; at most kLongestFaults
  bool never_ready = false;               // does not end: a pod without traffic harms nobody
  Duration lasts = kLongestFaults;        // then errors and latency end by themselves, counted from the start of the process

  bool active() const { return error_share > 0 || latency.count() > 0 || crash_after || never_ready; }
};

// Parts in any order, each at most once; an empty text is no fault. Invalid names the part and what may stand there.
Expected<FaultProfile> parse_fault_profile(std::string_view text);

}  // namespace courier
