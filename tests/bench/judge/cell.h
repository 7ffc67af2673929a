// The grid: which questions are asked of which traffic. A cell has a name that says all of it and is what its seeds are made of.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/judge/traffic.h"

namespace sluice::bench {

struct Cell {
  enum class Question {
    FalseRollback,   // a canary as good as the baseline: how often is it rolled back?
    Detection,       // a bad one: how soon, and at what price?
    FalsePromotion,  // one just at the promotion limit: how often is it proven good?
  };

  Question question = Question::FalseRollback;
  Scenario scenario;
  double ratio = 1;     // Detection: canary : baseline
  bool rivals = false;  // what others do is measured too

  std::string name() const;     // "detection/independent/500rps/0.1%/10%/x5"
  std::string traffic() const;  // "independent/500rps/0.1%/10%": cells of the same traffic share their replays
};

std::string_view name(Cell::Question question);

// False rollbacks: 9 models x 4 rates x 4 error shares x 3 weights. Detection: all of them with independent requests and with a
// common outage for ratios 1.5 to 20 whose bound is within the two hours, a choice of the others, and harm that begins after half
// an hour. False promotions: all of independent requests, a choice of the others.
std::vector<Cell> full_grid();
// What every change is tested with: 24 cells of false rollbacks, 8 of detection, 4 of false promotions.
std::vector<Cell> quick_grid();

}  // namespace sluice::bench
