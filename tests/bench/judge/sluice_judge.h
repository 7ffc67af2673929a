// Sluice's own judge among the contenders: controller/judge as the operator uses it, one SLO of failed requests, default limits.
#pragma once

#include <optional>
#include <span>

#include "controller/judge/replay.h"
#include "controller/judge/trial.h"
#include "tests/bench/judge/contender.h"

namespace sluice::bench {

// The plan of every trial here, without calibration: alpha 1 %, beta 5 %, at most 1.1 times the baseline + 0.01 points.
judge::TrialPlan plain_plan();
// The same, as if calibrated with `windows` replays that came out so.
judge::TrialPlan calibrated_plan(int windows, double phi, bool usable, double pod_spread);

// The rules of such a plan. `harm_only`: PASS is not asked for, which halves the time.
judge::SloRules rules_of(const judge::TrialPlan& plan, bool harm_only);

// Steps one SLO without the bookkeeping of a judge::Trial; sluice_judge_test.cpp shows that the two agree.
class SluiceJudge : public Contender {
 public:
  // `rules` outlives it. With `knows_past` the baseline's rate is learned before the canary comes.
  SluiceJudge(const judge::SloRules& rules, bool knows_past) : rules_(rules), knows_past_(knows_past), trial_(judge::begin(rules)) {}

  void before(const Tick& tick) override;
  bool rolls_back(const Tick& tick) override;
  // ln of the evidence against the canary.
  double evidence() const { return judge::log_evidence(rules_, trial_); }
  // The canary is proven inside the promotion limit now.
  bool proven() const;

 private:
  void advance(const Tick& tick);

  const judge::SloRules& rules_;
  bool knows_past_;
  judge::SloTrial trial_;
  int ticks_ = 0;
};

// What replays of a scenario's healthy traffic say, each drawn anew.
struct Replays {
  int windows = 0;
  double pod_spread = 0;
  std::vector<std::optional<double>> needed;  // phi of each; empty: it alarms whatever phi is
};
Replays replay(const Scenario& scenario, std::uint64_t seed, std::string_view name, int windows);

// The calibration that one service would have: phi of `windows` of them, drawn without returning any. `phi` is the largest.
struct Draw {
  double phi = 1;
  bool usable = true;
};
Draw draw_calibration(const Replays& replays, int windows, Random& random);

}  // namespace sluice::bench
