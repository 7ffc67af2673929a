#include "tests/bench/judge/runner.h"

#include <cmath>
#include <optional>

#include "tests/bench/judge/bound.h"

namespace sluice::bench {

namespace {

using Question = Cell::Question;

// Rules by the phi they divide by: a handful in a cell.
class RulesByPhi {
 public:
  RulesByPhi(double pod_spread, bool harm_only) : pod_spread_(pod_spread), harm_only_(harm_only) {}
  const judge::SloRules& of(const Draw& draw) {
    const double key = draw.usable ? draw.phi : 0;
    auto found = rules_.find(key);
    if (found == rules_.end())
      found = rules_.emplace(key, rules_of(calibrated_plan(kWindows, draw.phi, draw.usable, pod_spread_), harm_only_)).first;
    return found->second;
  }

 private:
  double pod_spread_;
  bool harm_only_;
  std::map<double, judge::SloRules> rules_;
};

// One contender in one run.
struct Entry {
  Outcome* outcome;
  Contender* contender;
  const SluiceJudge* judge;  // the contender, if it is ours
  bool done = false;
};

struct Progress {
  double spent = 0;  // information so far, in units of ln(1/alpha)
  double excess = 0;
  int tick = 0;  // since the harm began; 0 and less: not yet
};

void finish(Entry& entry, const Progress& progress, bool fired) {
  entry.done = true;
  Outcome& outcome = *entry.outcome;
  outcome.fired += fired;
  outcome.excess += progress.excess;
  if (fired && progress.tick <= 0) {
    ++outcome.early;
    return;
  }
  if (fired) ++outcome.at[progress.tick];
  outcome.spent += progress.spent;
  outcome.spent_square += progress.spent * progress.spent;
}

void run_once(const Cell& cell, std::uint64_t seed, std::vector<Entry>& entries) {
  static const judge::TrialPlan kPlan = plain_plan();
  const judge::Limit limit = judge::harm_limit(kPlan.slos[0]);
  const double needed = std::log(1 / kPlan.alpha);
  Traffic traffic(cell.scenario, seed, Traffic::Grain::Arms);
  for (int t = 0; t < cell.scenario.history; ++t) {
    const Tick tick = traffic.next();
    for (Entry& entry : entries) entry.contender->before(tick);
  }
  Progress progress;
  std::size_t left = entries.size();
  for (int t = 0; t < cell.scenario.ticks && left > 0; ++t) {
    const Tick tick = traffic.next();
    progress.tick = t + 1 - cell.scenario.onset;
    if (cell.question == Question::Detection && t >= cell.scenario.onset) {
      progress.spent += information(limit, tick.truth) / needed;
      progress.excess += tick.truth.n1 * std::max(0.0, tick.truth.p1 - tick.truth.p0);
    }
    for (Entry& entry : entries) {
      if (entry.done) continue;
      const bool rolled_back = entry.contender->rolls_back(tick);
      const bool promotion = cell.question == Question::FalsePromotion;
      if (promotion ? entry.judge->proven() : rolled_back) {
        finish(entry, progress, true);
        --left;
      } else if (rolled_back) {  // what is rolled back is not promoted
        finish(entry, progress, false);
        --left;
      }
    }
  }
  for (Entry& entry : entries)
    if (!entry.done) finish(entry, progress, false);
}

}  // namespace

int replays_of(const Cell& cell, int most) {
  // An outage in an unlucky place, in one replay of a hundred, decides how careful a service is; few replays would make all runs of a cell
  // so.
  if (cell.scenario.model == Model::CommonOutage) return 4 * most;
  return independent(cell.scenario.model) ? std::max(kWindows, most / 4) : most;
}

Replays replay(const Cell& cell, std::uint64_t seed, int most) {
  return replay(cell.scenario, seed, "replays/" + cell.traffic(), replays_of(cell, most));
}

Tally run(const Cell& cell, std::uint64_t seed, long from, long to, const Replays& replays) {
  const bool harm_only = cell.question != Question::FalsePromotion;
  const judge::SloRules plain = rules_of(plain_plan(), harm_only);
  RulesByPhi calibrated(replays.pod_spread, harm_only);
  const std::string name = cell.name();
  Tally tally;
  for (long number = from; number < to; ++number) {
    const std::uint64_t own = run_seed(seed, name, static_cast<std::uint64_t>(number));
    Random random(own ^ 0x5eed);  // another sequence than the traffic's
    const Draw draw = draw_calibration(replays, kWindows, random);
    SluiceJudge with(calibrated.of(draw), true);
    SluiceJudge without(plain, false);
    std::vector<Rival> others;
    if (cell.rivals && number < kRivalRuns) others = rivals();
    std::vector<Entry> entries{{&tally[kCalibrated], &with, &with}, {&tally[kUncalibrated], &without, &without}};
    for (Rival& rival : others) entries.push_back({&tally[rival.name], rival.contender.get(), nullptr});
    tally[kCalibrated].phi += draw.phi;
    tally[kCalibrated].unusable += !draw.usable;
    for (Entry& entry : entries) ++entry.outcome->runs;
    run_once(cell, own, entries);
  }
  return tally;
}

}  // namespace sluice::bench
