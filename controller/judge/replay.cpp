#include "controller/judge/replay.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace sluice::judge {
namespace {

constexpr int kSteps = 41;  // of the grid: 1, 2^(1/4), ... 1024
double grid(int step) { return std::exp2(step / 4.0); }

constexpr std::size_t kAll = static_cast<std::size_t>(-1);

// The plan's rules as a replay judges by them.
std::vector<SloRules> replayed(const TrialPlan& plan, const std::vector<SloCalibration>& slos) {
  TrialPlan calibrated = plan;
  calibrated.calibration = {1, 1, slos, {}};
  std::vector<SloRules> rules;
  for (std::size_t i = 0; i < plan.slos.size(); ++i) {
    rules.push_back(slo_rules(calibrated, i));
    rules.back().has_objective = false;
    rules.back().harm_only = true;
  }
  return rules;
}

// Whether SLO `only`, or with kAll the average of those that may fail, ever reaches `log_fail` when every phi is `scale` times as
// large. Without the cap on a tick's evidence a larger scale never alarms where a smaller one did not (Jensen), and the cap only
// takes away.
bool alarms(std::vector<SloRules> rules, const ReplayWindow& window, std::size_t only, double scale, bool capped, double log_fail) {
  std::vector<SloTrial> trials;
  for (SloRules& slo : rules) {
    slo.phi *= scale;
    if (!capped)
      for (HarmTest& harm : slo.harm) harm.cap = 0;
    trials.push_back(begin(slo));
  }
  int ticks = 0;
  for (const auto& row : window.ticks) {
    ++ticks;
    double evidence = kLogZero;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (only != kAll ? i != only : rules[i].log_weight == kLogZero) continue;
      SloTick tick = i < row.size() ? row[i] : SloTick{};
      tick.present = tick.present && i < row.size() && valid(rules[i], tick);
      update(trials[i], rules[i], tick, ticks);
      evidence = log_add(evidence, (only != kAll ? 0 : rules[i].log_weight) + log_evidence(rules[i], trials[i]));
    }
    if (evidence >= log_fail) return true;
  }
  return false;
}

// The smallest step of the grid from which on nothing alarms; kSteps if there is none. Those above `enough` need not be told apart
// from it: the answer is then `enough` or less.
int needed_step(const std::vector<SloRules>& rules, const ReplayWindow& window, std::size_t only, double log_fail, int enough) {
  const auto rings = [&](int step, bool capped) { return alarms(rules, window, only, grid(step), capped, log_fail); };
  if (enough < kSteps && !rings(enough, false)) return enough;
  int silent = kSteps, loud = enough < kSteps ? enough : -1;  // without the cap
  while (silent - loud > 1) {
    const int middle = loud + (silent - loud) / 2;
    (rings(middle, false) ? loud : silent) = middle;
  }
  int step = silent;
  while (step > 0 && !rings(step - 1, true)) --step;
  return step;
}

// What the windows need at most, and what they need without the one that needs most.
struct TopTwo {
  int first = 0, second = 0;
  std::size_t window = kAll;  // which needs `first`

  void add(int step, std::size_t of) {
    if (step > first) {
      second = first;
      first = step;
      window = of;
    } else {
      second = std::max(second, step);
    }
  }
};

Expected<void> check_windows(const TrialPlan& plan, std::span<const ReplayWindow> windows, const std::vector<SloRules>& rules) {
  if (windows.size() < kMinReplays)
    return fail(Error::Kind::Invalid, std::to_string(windows.size()) + " replayed windows vouch for too little: give at least " +
                                          std::to_string(kMinReplays) + ", better 99");
  for (std::size_t w = 0; w < windows.size(); ++w)
    for (std::size_t t = 0; t < windows[w].ticks.size(); ++t) {
      const auto& row = windows[w].ticks[t];
      const std::string where = "window " + std::to_string(w + 1) + ", tick " + std::to_string(t + 1);
      if (row.size() != plan.slos.size())
        return fail(Error::Kind::Invalid, where + ": " + std::to_string(row.size()) + " SLOs for a plan of " +
                                              std::to_string(plan.slos.size()) + ": give one entry per SLO");
      for (std::size_t i = 0; i < row.size(); ++i)
        if (!valid(rules[i], row[i]))
          return fail(Error::Kind::Invalid,
                      where + ": slo " + plan.slos[i].name + ": these cannot be counts: mark the tick as without data");
    }
  return {};
}

double spread_between_pods(std::span<const ReplayWindow> windows, std::size_t slo) {
  std::vector<std::vector<PodHalves>> pods;
  for (const ReplayWindow& window : windows)
    if (slo < window.pods.size()) pods.push_back(window.pods[slo]);
  return pod_spread(pods);
}

// See the header: what each window needs with the phis of the others.
double kappa_of(const TrialPlan& plan, std::span<const ReplayWindow> windows, const std::vector<SloCalibration>& slos,
                const std::vector<TopTwo>& tops) {
  TrialPlan calibrated = plan;
  calibrated.calibration = {1, 1, slos, {}};
  int deciding = 0;
  for (std::size_t i = 0; i < slos.size(); ++i) deciding += may_fail(calibrated, i);
  if (deciding < 2) return 1;
  int kappa = 0;
  for (const TopTwo& top : tops) {
    if (top.window == kAll) continue;
    std::vector<SloCalibration> others = slos;
    for (std::size_t i = 0; i < slos.size(); ++i)
      if (tops[i].window == top.window && slos[i].usable) others[i].phi = grid(tops[i].second);
    kappa = std::max(kappa, needed_step(replayed(plan, others), windows[top.window], kAll, std::log(1 / plan.alpha), kappa));
  }
  return grid(kappa);
}

}  // namespace

Expected<Calibration> calibrate(const TrialPlan& plan, std::span<const ReplayWindow> windows, std::string taken) {
  TrialPlan bare = plan;
  bare.calibration = {};
  if (auto ok = check(bare); !ok) return Unexpected(ok.error());
  std::vector<SloCalibration> slos(bare.slos.size());
  if (auto ok = check_windows(bare, windows, replayed(bare, slos)); !ok) return Unexpected(ok.error());
  for (std::size_t i = 0; i < slos.size(); ++i)
    if (bare.slos[i].kind == SloPlan::Kind::ErrorRate || bare.slos[i].kind == SloPlan::Kind::Latency)
      slos[i].pod_spread = spread_between_pods(windows, i);

  const std::vector<SloRules> rules = replayed(bare, slos);
  std::vector<TopTwo> tops(slos.size());
  for (std::size_t i = 0; i < slos.size(); ++i) {
    for (std::size_t w = 0; w < windows.size() && tops[i].second < kSteps; ++w)
      tops[i].add(needed_step(rules, windows[w], i, std::log(1 / bare.alpha), tops[i].second), w);
    slos[i].usable = tops[i].first < kSteps;
    slos[i].phi = grid(std::min(tops[i].first, kSteps - 1));
    if (tops[i].second >= kSteps) tops[i].second = kSteps - 1;
  }
  Calibration calibration;
  calibration.windows = static_cast<int>(windows.size());
  calibration.kappa = kappa_of(bare, windows, slos, tops);
  calibration.slos = std::move(slos);
  calibration.taken = std::move(taken);
  return calibration;
}

std::optional<double> needed_phi(const TrialPlan& plan, std::size_t slo, const ReplayWindow& window, double pod_spread) {
  std::vector<SloCalibration> slos(plan.slos.size());
  slos[slo].pod_spread = pod_spread;
  const int step = needed_step(replayed(plan, slos), window, slo, std::log(1 / plan.alpha), kSteps);
  if (step >= kSteps) return std::nullopt;
  return grid(step);
}

}  // namespace sluice::judge
