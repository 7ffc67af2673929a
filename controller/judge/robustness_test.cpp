// A million ticks of nonsense and of malice: never NaN, never a crash, never a failure of a canary without a bad request.
#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/judge/trial_json.h"
#include "controller/judge/verdict.h"

namespace sluice::judge {
namespace {

class Nonsense {
 public:
  explicit Nonsense(unsigned seed) : random_(seed) {}

  bool one_in(unsigned n) { return random_() % n == 0; }
  double unit() { return std::ldexp(static_cast<double>(random_() >> 11), -53); }

  double count() {
    switch (random_() % 8) {
      case 0: return 0;
      case 1: return 1;
      case 2: return 1e-12;
      case 3: return Counts::kMaxCount;
      case 4: return std::pow(10, 15 * unit());
      case 5: return unit();
      case 6: return 5e-324;
      default: return std::floor(1000 * unit());
    }
  }
  Counts arm(bool faultless) {
    Counts c{count(), 0};
    if (!faultless) c.bad = one_in(3) ? c.total : std::min(one_in(3) ? c.total * 1e-12 : count(), c.total);
    return c;
  }
  double value() {
    switch (random_() % 8) {
      case 0: return 0;
      case 1: return kNoValue;
      case 2: return HUGE_VAL;
      case 3: return -std::pow(10, 300 * unit());
      case 4: return std::pow(10, 308 * unit());
      case 5: return 5e-324;
      default: return 100 * unit();
    }
  }
  Above above(double total, bool faultless) {
    Above above{};
    if (!faultless)
      for (double& a : above) a = std::min(count(), total);
    return above;
  }
  SloTick tick(bool faultless) {
    SloTick tick{arm(faultless), arm(false), !one_in(20), static_cast<int>(random_() % 4)};
    tick.canary_above = above(tick.canary.total, faultless);
    tick.baseline_above = above(tick.baseline.total, false);
    tick.canary_value = value();
    tick.baseline_value = value();
    tick.canary_pods = static_cast<int>(random_() % 5) - 1;
    tick.baseline_pods = static_cast<int>(random_() % 5) - 1;
    for (PodBad& pod : tick.worst_pods) pod = {static_cast<int>(random_() % 20), value()};
    return tick;
  }
  // What a counter that went down, a division by zero or a broken exporter would make of a tick.
  void spoil(SloTick& tick, bool only_totals) {
    const double wrong[] = {-1, -1e-12, std::nan(""), HUGE_VAL, -HUGE_VAL, 1e16, 1e300};
    Counts& arm = one_in(2) ? tick.canary : tick.baseline;
    (only_totals || one_in(2) ? arm.total : arm.bad) = wrong[random_() % 7];
    tick.present = true;
  }

 private:
  std::mt19937_64 random_;
};

void expect_sound(const Rules& rules, const Trial& trial) {
  const Verdict v = verdict(rules, trial);
  ASSERT_TRUE(std::isfinite(v.evidence) && std::isfinite(v.peak_evidence));
  for (const SloVerdict& slo : v.slos) {
    ASSERT_TRUE(std::isfinite(slo.evidence) && std::isfinite(slo.health_evidence) && std::isfinite(slo.phi) && std::isfinite(slo.limit))
        << slo.message;
    ASSERT_TRUE(std::isfinite(slo.canary) && std::isfinite(slo.baseline) && std::isfinite(slo.excess_failures)) << slo.message;
    ASSERT_EQ(slo.message.find("nan"), std::string::npos) << slo.message;
    ASSERT_EQ(slo.message.find("inf"), std::string::npos) << slo.message;
    ASSERT_TRUE(!slo.forecast_requests || std::isfinite(*slo.forecast_requests));
  }
  const auto read = from_json(rules, to_json(trial));
  ASSERT_TRUE(read) << to_string(read.error());
  ASSERT_EQ(*read, trial);
}

// `ticks` of them in trials of 60. SLOs of counts only: whether a gauge's canary is faultless is not for counts to say.
void bombard(const TrialPlan& plan, int ticks, unsigned seed) {
  const auto rules = Rules::of(plan);
  ASSERT_TRUE(rules) << to_string(rules.error());
  bool gauges = false;
  for (const SloPlan& slo : plan.slos) gauges = gauges || slo.is_gauge();
  Nonsense nonsense(seed);
  std::vector<SloTick> row(plan.slos.size());
  int refused = 0, failed = 0;
  for (int t = 0; t < ticks;) {
    const bool faultless = nonsense.one_in(2);
    Trial trial = begin(*rules);
    for (int i = 0; i < 60; ++i, ++t) {
      for (SloTick& tick : row) tick = nonsense.tick(faultless);
      if (!gauges && nonsense.one_in(50)) {
        nonsense.spoil(row[0], plan.slos[0].kind == SloPlan::Kind::LatencyDistribution);
        const Trial before = trial;
        ASSERT_FALSE(advance(*rules, trial, row))
            << row[0].canary.bad << " of " << row[0].canary.total << ", " << row[0].baseline.bad << " of " << row[0].baseline.total;
        ASSERT_EQ(trial, before);
        ++refused;
        continue;
      }
      ASSERT_TRUE(advance(*rules, trial, row));
      ASSERT_TRUE(std::isfinite(log_evidence(*rules, trial)));
      if (nonsense.one_in(10)) trial = at_new_weight(trial);
      if (faultless && !gauges) { ASSERT_FALSE(trial.failed || trial.held); }
    }
    failed += trial.failed;
    if (nonsense.one_in(8)) expect_sound(*rules, trial);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(failed, 0) << "the ticks never meant anything";
  EXPECT_TRUE(gauges || refused > 0);
}

TEST(Robustness, AMillionTicksOfCounts) {
  TrialPlan plan;
  plan.slos = {{.name = "errors", .objective = 0.999}};
  bombard(plan, 700'000, 91);
  plan.calibration = {99, 1.2, {{1.7, true, 0.3}}, ""};
  bombard(plan, 200'000, 92);
}

TEST(Robustness, ManyTicksOfDistributions) {
  TrialPlan plan;
  plan.slos = {{.name = "latency", .kind = SloPlan::Kind::LatencyDistribution}, {.name = "errors", .relative = 0, .absolute = 0}};
  double seconds = 0.05;
  for (const double share : {0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005}) plan.slos[0].bounds.push_back({seconds *= 1.5, share, 1.06, 1.4});
  plan.slos[0].bounds[0] = {0.05, 0.9, 1.077, 1.2};
  bombard(plan, 50'000, 93);
}

TEST(Robustness, ManyTicksOfGauges) {
  TrialPlan plan;
  plan.slos = {{.name = "memory", .kind = SloPlan::Kind::Gauge, .threshold = 50},
               {.name = "queue", .kind = SloPlan::Kind::GaugeComparison, .absolute = 1},
               {.name = "hits", .kind = SloPlan::Kind::GaugeComparison, .absolute = 0, .lower_is_worse = true, .scale = 5e-324}};
  plan.calibration = {99, 1, {{}, {}, {}}, ""};
  bombard(plan, 100'000, 94);
}

}  // namespace
}  // namespace sluice::judge
