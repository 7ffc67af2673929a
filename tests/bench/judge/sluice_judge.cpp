#include "tests/bench/judge/sluice_judge.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "controller/judge/pod_spread.h"

namespace sluice::bench {

namespace {

constexpr int kSpreadWindows = 99;  // of which the spread between pods is taken

judge::ReplayWindow window(const Scenario& scenario, std::uint64_t seed) {
  judge::ReplayWindow window;
  Traffic traffic(scenario, seed);
  for (int t = -scenario.history; t < scenario.ticks; ++t) window.ticks.push_back({traffic.next().counts});
  window.pods.push_back(traffic.pods());
  return window;
}

// As judge::needed_phi, which looks for the phi by halving; most windows need none, and one look shows it: what does not alarm at phi 1
// without the cap never alarms (controller/judge/replay.cpp).
std::optional<double> needed_phi(const judge::ReplayWindow& window, double pod_spread) {
  judge::SloRules rules = rules_of(calibrated_plan(1, 1, true, pod_spread), true);
  for (judge::HarmTest& harm : rules.harm) harm.cap = 0;
  judge::SloTrial trial = judge::begin(rules);
  int ticks = 0;
  for (const auto& row : window.ticks) {
    judge::update(trial, rules, row[0], ++ticks);
    if (judge::log_evidence(rules, trial) >= std::log(1 / rules.alpha)) return judge::needed_phi(plain_plan(), 0, window, pod_spread);
  }
  return 1;
}

}  // namespace

judge::TrialPlan plain_plan() {
  judge::TrialPlan plan;
  plan.slos = {{.name = "errors"}};
  return plan;
}

judge::TrialPlan calibrated_plan(int windows, double phi, bool usable, double pod_spread) {
  judge::TrialPlan plan = plain_plan();
  plan.calibration.windows = windows;
  plan.calibration.slos = {{phi, usable, pod_spread}};
  return plan;
}

judge::SloRules rules_of(const judge::TrialPlan& plan, bool harm_only) {
  judge::SloRules rules = judge::slo_rules(plan, 0);
  rules.harm_only = harm_only;
  return rules;
}

void SluiceJudge::advance(const Tick& tick) {
  if (tick.new_weight) judge::drop_waiting(trial_);
  judge::update(trial_, rules_, tick.counts, ++ticks_);
}

void SluiceJudge::before(const Tick& tick) {
  if (knows_past_) advance(tick);
}

bool SluiceJudge::rolls_back(const Tick& tick) {
  advance(tick);
  return rules_.log_weight > judge::kLogZero && evidence() >= std::log(1 / rules_.alpha);
}

bool SluiceJudge::proven() const {
  static const double kNeeded = std::log(1 / plain_plan().beta);
  return judge::log_health(rules_, trial_) >= kNeeded;
}

Replays replay(const Scenario& scenario, std::uint64_t seed, std::string_view name, int windows) {
  Scenario healthy = scenario;
  healthy.canary = {1, 0};
  const auto draw = [&](int i) { return window(healthy, run_seed(seed, name, static_cast<std::uint64_t>(i))); };
  Replays replays;
  replays.windows = windows;
  // The spread between pods must be known before evidence is weighed.
  std::vector<judge::ReplayWindow> first;
  std::vector<std::vector<judge::PodHalves>> pods;
  for (int i = 0; i < std::min(windows, kSpreadWindows); ++i) {
    first.push_back(draw(i));
    pods.push_back(first.back().pods[0]);
  }
  replays.pod_spread = judge::pod_spread(pods);
  for (int i = 0; i < windows; ++i)
    replays.needed.push_back(needed_phi(i < kSpreadWindows ? first[static_cast<std::size_t>(i)] : draw(i), replays.pod_spread));
  return replays;
}

Draw draw_calibration(const Replays& replays, int windows, Random& random) {
  std::vector<std::size_t> order(replays.needed.size());
  std::iota(order.begin(), order.end(), 0U);
  Draw draw;
  const auto count = std::min(order.size(), static_cast<std::size_t>(windows));
  for (std::size_t i = 0; i < count; ++i) {
    const auto rest = static_cast<double>(order.size() - i);
    std::swap(order[i], order[i + static_cast<std::size_t>(random.uniform() * rest)]);
    const auto& needed = replays.needed[order[i]];
    if (!needed) draw.usable = false;
    else draw.phi = std::max(draw.phi, *needed);
  }
  return draw;
}

}  // namespace sluice::bench
