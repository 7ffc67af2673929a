// All cells of a grid, in chunks that threads share: every cell has its first chunk before any has its second, so that whenever it
// is stopped all have about equally many runs.
#pragma once

#include <functional>
#include <stop_token>

#include "tests/bench/judge/results.h"

namespace sluice::bench {

struct Campaign {
  std::uint64_t seed = 1;
  // Runs of each cell, by question.
  long false_rollbacks = 10000;
  long detections = 1000;
  long false_promotions = 2000;
  long chunk = 500;   // runs
  int replays = 800;  // of a traffic that needs calibration; a quarter of it elsewhere (runner.h)
  int threads = 2;

  long runs(const Cell& cell) const;
};

// Until all is done or `stop` is requested (chunks begun are finished). `progress` is called after each, from any thread, one at a
// time, with the chunks done and wanted. Unavailable: results could not be written.
Expected<void> run(const Campaign& campaign, const std::vector<Cell>& cells, Results& results, std::stop_token stop,
                   const std::function<void(long done, long all)>& progress);

// The replays of the cell's traffic: those of `results`, else drawn now.
Expected<Replays> replays_for(const Campaign& campaign, const Cell& cell, Results& results);

}  // namespace sluice::bench
