// HTTP load on one port of loopback: many connections, one thread, no library in between, so that it takes little of the machine
// that it shares with what it measures.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/courier/histogram.h"
#include "tests/bench/courier/request_text.h"
#include "tests/bench/courier/schedule.h"

namespace courier::bench {

struct LoadPlan {
  std::uint16_t port = 0;
  RequestShape request{};
  std::vector<Phase> phases{};
  std::size_t connections = 64;
  std::size_t idle = 0;                 // connections beside them, each of which had one answer before
  std::uint64_t most = 0;               // requests in all; 0: as the phases have it
  Nanoseconds patience{5'000'000'000};  // with what was not answered when the last phase ended
  Nanoseconds slice{250'000'000};       // of the course of each phase
};

// Answers by kind: well (2xx), refused (429 and 503) or failed (the rest, and none).
struct Answers {
  Histogram well{};
  Histogram refused{};
  std::map<std::string, std::uint64_t> failed{};  // by reason
  std::uint64_t failures() const;
};

// A request belongs to the phase and the slice in which it should have been sent.
struct PhaseResult {
  Phase phase{};
  double seconds = 0;  // that it took
  std::uint64_t asked = 0;
  Answers answers{};
  std::vector<Answers> slices{};
};

struct LoadResult {
  std::vector<PhaseResult> phases{};
  std::uint64_t requests = 0;
  std::uint64_t connects = 0;
};

// Blocks until all phases are over. Unavailable: nobody listens there. Corrupt: an answer could not be read. A connection that
// ends is replaced; a request that it had no answer for has failed.
sluice::Expected<LoadResult> put_load(const LoadPlan& plan);

}  // namespace courier::bench
