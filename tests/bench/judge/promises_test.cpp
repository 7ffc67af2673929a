// The judge's promises on the quick grid: 24 cells of false rollbacks, 8 of detection, 4 of false promotions, with fixed seeds.
//
//   SLUICE_JUDGE_RUNS=2000 judge_promises_test    as CI wants it, on the optimized build (default 20: does it still work?)
//   SLUICE_JUDGE_SEED=7 ...                       other random numbers (default 1)
#include <gtest/gtest.h>
#include <cstdio>
#include <cstdlib>

#include "tests/bench/judge/campaign.h"
#include "tests/bench/judge/gates.h"
#include "tests/bench/judge/runner.h"

namespace sluice::bench {
namespace {

long number_of(const char* variable, long otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtol(text, nullptr, 10);
}

std::vector<Cell> quick() {
  static const std::vector<Cell> kCells = quick_grid();
  return kCells;
}

class Promises : public ::testing::TestWithParam<Cell> {};

TEST_P(Promises, AreKept) {
  const Cell& cell = GetParam();
  const long asked = number_of("SLUICE_JUDGE_RUNS", 20);
  const auto seed = static_cast<std::uint64_t>(number_of("SLUICE_JUDGE_SEED", 1));
  const bool detection = cell.question == Cell::Question::Detection;
  // Delays vary less than rare events; few replays make the calibration's own promise weaker, not this test.
  const long runs = detection ? std::max(20L, asked / 5) : asked;
  const Replays replays = replay(cell, seed, asked >= 1000 ? 400 : kWindows);
  const Tally tally = run(cell, seed, 0, runs, replays);
  for (const char* contender : {kCalibrated, kUncalibrated}) {
    const bool calibrated = contender == kCalibrated;
    const Outcome& outcome = tally.at(contender);
    if (detection) {
      const Delay delay = delay_of(cell, outcome);
      std::printf("%-20s %.2f times the bound of %.1f ticks, %.1f %% found\n", contender, delay.ratio, delay.bound, 100 * delay.found);
      if (!calibrated || !delay.gated) continue;
      EXPECT_GE(delay.found, kFound);
      EXPECT_LE(delay.ratio - 3 * delay.ratio_error, kWorstRatio);
    } else {
      const Share share = share_of(outcome);
      std::printf("%-20s %ld of %ld\n", contender, share.fired, share.runs);
      EXPECT_LE(share.low, allowed(cell, calibrated)) << contender << ": " << share.fired << " of " << share.runs;
    }
  }
}

std::string test_name(const ::testing::TestParamInfo<Cell>& info) {
  std::string name;
  for (const char c : info.param.name()) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Quick, Promises, ::testing::ValuesIn(quick()), test_name);

}  // namespace

void PrintTo(const Cell& cell, std::ostream* out) { *out << cell.name(); }

}  // namespace sluice::bench
