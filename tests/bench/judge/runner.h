// Runs of a cell, and the replays its calibration is drawn from. Deterministic: a run depends on the seed, its cell and its number.
#pragma once

#include "tests/bench/judge/cell.h"
#include "tests/bench/judge/sluice_judge.h"
#include "tests/bench/judge/tally.h"

namespace sluice::bench {

inline constexpr int kWindows = 99;      // replays that a calibration has: 1/(99+1) = alpha
inline constexpr long kRivalRuns = 500;  // of a cell, in which rivals take part

inline constexpr const char* kCalibrated = "sluice, calibrated";
inline constexpr const char* kUncalibrated = "sluice";

// Where a calibration matters most, more replays are drawn from.
int replays_of(const Cell& cell, int most);
Replays replay(const Cell& cell, std::uint64_t seed, int most);

// Runs number from to `to` - 1.
Tally run(const Cell& cell, std::uint64_t seed, long from, long to, const Replays& replays);

}  // namespace sluice::bench
