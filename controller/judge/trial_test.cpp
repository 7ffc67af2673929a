#include "controller/judge/trial.h"

#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/judge/clopper_pearson.h"
#include "controller/judge/traffic_for_test.h"
#include "controller/judge/trial_json.h"
#include "controller/judge/verdict.h"

namespace sluice::judge {
namespace {

TrialPlan plan_of(int slos) {
  TrialPlan plan;
  for (int i = 0; i < slos; ++i) plan.slos.push_back({.name = "slo-" + std::to_string(i)});
  return plan;
}

Trial after(const TrialPlan& plan, Trial trial, const SloTick& tick, int times = 1) {
  for (int i = 0; i < times; ++i) {
    auto next = advance(plan, trial, std::vector<SloTick>(plan.slos.size(), tick));
    EXPECT_TRUE(next) << to_string(next.error());
    trial = *next;
  }
  return trial;
}

// The same in place, for simulations.
void step(const Rules& rules, Trial& trial, const SloTick& tick) {
  const auto ok = advance(rules, trial, std::span(&tick, 1));
  EXPECT_TRUE(ok) << to_string(ok.error());
}

// Ticks until the trial failed, or `most` + 1.
int ticks_to_fail(const TrialPlan& plan, Trial trial, const Traffic& traffic, std::mt19937_64& random, int most) {
  const auto rules = Rules::of(plan);
  for (int t = 1; t <= most; ++t) {
    step(*rules, trial, traffic.tick(random));
    if (trial.failed) return t;
  }
  return most + 1;
}

TEST(Trial, AHealthyCanaryIsRolledBackLessOftenThanPromised) {
  const TrialPlan plan = plan_of(1);
  std::mt19937_64 random(1);
  const auto rules = Rules::of(plan);
  int failed = 0;
  constexpr int kRuns = 2000;
  for (int run = 0; run < kRuns; ++run) {
    Trial trial;
    for (double weight : {0.05, 0.25, 0.5}) {
      const Traffic traffic{.rate = 50, .weight = weight, .base = run % 2 == 0 ? 0.001 : 0.01};
      for (int t = 0; t < 25; ++t) step(*rules, trial, traffic.tick(random));
      trial = at_new_weight(trial);
    }
    failed += trial.failed;
  }
  EXPECT_LE(upper_limit(failed, kRuns, 0.99), plan.alpha) << failed << " of " << kRuns;
}

TEST(Trial, DriftSharedByBothArmsUnderAWeightRampIsNotTheCanarysFault) {
  const TrialPlan plan = plan_of(1);
  std::mt19937_64 random(2);
  const auto rules = Rules::of(plan);
  int failed = 0;
  constexpr int kRuns = 500;
  for (int run = 0; run < kRuns; ++run) {
    Trial trial;
    int t = 0;
    for (double weight : {0.05, 0.25, 0.5})
      for (int i = 0; i < 25; ++i, ++t) {
        const bool outage = t >= 30 && t < 38;
        const Traffic traffic{.rate = 50, .weight = weight, .base = outage ? 0.1 : 0.001 * (1 + 0.1 * t)};
        step(*rules, trial, traffic.tick(random));
      }
    failed += trial.failed;
  }
  EXPECT_LE(failed, 1);
}

TEST(Trial, ABadCanaryIsFoundWithinMinutes) {
  const TrialPlan plan = plan_of(1);
  std::mt19937_64 random(3);
  const auto median = [&](const Traffic& traffic) {
    std::vector<int> found;
    for (int run = 0; run < 101; ++run) {
      const Trial seeded = after(plan, {}, Traffic{.rate = traffic.rate, .weight = 0, .base = traffic.base}.tick(random), 40);
      found.push_back(ticks_to_fail(plan, at_new_weight(seeded), traffic, random, 240));
    }
    std::nth_element(found.begin(), found.begin() + 50, found.end());
    return found[50];
  };
  EXPECT_LE(median({.rate = 50, .weight = 0.1, .base = 0.001, .ratio = 20}), 8);  // 2 min
  EXPECT_LE(median({.rate = 50, .weight = 0.1, .base = 0.01, .ratio = 5}), 10);
  EXPECT_LE(median({.rate = 500, .weight = 0.1, .base = 0.01, .ratio = 20}), 3);
}

TEST(Trial, ACanaryOnThePromotionLimitIsProvenGoodNoMoreOftenThanPromised) {
  const TrialPlan plan = plan_of(1);
  const auto rules = Rules::of(plan);
  std::mt19937_64 random(17);
  const double base = 0.002, ratio = health_limit(plan, plan.slos[0]).at(base) / base;
  int proven = 0, of_equals = 0;
  constexpr int kRuns = 500;
  for (int run = 0; run < kRuns; ++run) {
    bool bad_was_proven = false, good_was_proven = false;
    Trial bad = begin(*rules), good = bad;
    for (int t = 0; t < 100; ++t) {
      const double weight = t < 50 ? 0.1 : 0.5;
      const SloTick worse = Traffic{.rate = 50, .weight = weight, .base = base, .ratio = ratio}.tick(random);
      const SloTick equal = Traffic{.rate = 50, .weight = weight, .base = base}.tick(random);
      ASSERT_TRUE(advance(*rules, bad, std::span(&worse, 1)));
      ASSERT_TRUE(advance(*rules, good, std::span(&equal, 1)));
      bad_was_proven = bad_was_proven || log_health(rules->slos()[0], bad.slos[0]) >= std::log(1 / plan.beta);
      good_was_proven = good_was_proven || log_health(rules->slos()[0], good.slos[0]) >= std::log(1 / plan.beta);
    }
    proven += bad_was_proven;
    of_equals += good_was_proven;
  }
  EXPECT_LE(proven, 37);  // 25 expected at most; 37 or fewer with 99 %
  EXPECT_GE(of_equals, kRuns / 3);
}

TEST(Trial, ItNeverFailsOnTheFirstTick) {
  const TrialPlan plan = plan_of(1);
  Trial trial = after(plan, {}, {{0, 0}, {9000, 9}}, 8);
  trial = after(plan, trial, {{1000, 1000}, {9000, 9}});
  EXPECT_FALSE(trial.failed);
  trial = after(plan, trial, {{1000, 1000}, {9000, 9}}, 2);
  EXPECT_TRUE(trial.failed);
}

TEST(Trial, AFailureIsFinal) {
  const TrialPlan plan = plan_of(1);
  Trial trial = after(plan, {}, {{0, 0}, {9000, 9}}, 8);
  trial = after(plan, trial, {{1000, 1000}, {9000, 9}}, 4);
  ASSERT_TRUE(trial.failed);
  EXPECT_EQ(after(plan, trial, {{1000, 0}, {9000, 9}}, 5), trial);
  EXPECT_EQ(verdict(plan, trial).state, Verdict::State::Fail);
}

TEST(Trial, AtFullWeightOnlyTheAbsoluteObjectiveJudges) {
  TrialPlan plan = plan_of(1);
  const SloTick burning{{1000, 100}, {0, 0}};
  EXPECT_FALSE(after(plan, {}, burning, 50).failed);
  plan.slos[0].objective = 0.999;
  const Trial trial = after(plan, {}, burning, 5);
  EXPECT_TRUE(trial.failed);
  EXPECT_NE(verdict(plan, trial).sentence.find("budget of the 99.9% objective"), std::string::npos) << verdict(plan, trial).sentence;
}

TEST(Trial, AnOutageOfBothArmsFailsOnlyWhereAnObjectiveIsGiven) {
  TrialPlan plan = plan_of(1);
  const SloTick outage{{100, 30}, {900, 270}};
  EXPECT_FALSE(after(plan, {}, outage, 40).failed);
  plan.slos[0].objective = 0.99;
  EXPECT_TRUE(after(plan, {}, outage, 40).failed);
}

TEST(Trial, RequestsOfATickWithOneArmWaitForTheOther) {
  const TrialPlan plan = plan_of(1);
  const Trial start = after(plan, {}, {{5, 0}, {50, 1}}, 3);
  const Trial apart = after(plan, after(plan, start, {{4, 2}, {0, 0}}), {{0, 0}, {40, 0}});
  const Trial at_once = after(plan, start, {{4, 2}, {40, 0}});
  EXPECT_EQ(apart.slos[0].questions[0].relative, at_once.slos[0].questions[0].relative);
  EXPECT_GT(apart.slos[0].questions[0].relative.log_e, start.slos[0].questions[0].relative.log_e);
  // ... but not across a change of the weight.
  const Trial cut = after(plan, at_new_weight(after(plan, start, {{4, 2}, {0, 0}})), {{0, 0}, {40, 0}});
  EXPECT_EQ(cut.slos[0].questions[0].relative, start.slos[0].questions[0].relative);
}

TEST(Trial, SilenceIsNotFailure) {
  const TrialPlan plan = plan_of(1);
  const Trial before = after(plan, {}, {{75, 0}, {675, 1}}, 10);
  const Trial silent = after(plan, before, {{0, 0}, {0, 0}, false}, 6);
  EXPECT_EQ(log_evidence(plan, silent), log_evidence(plan, before));
  EXPECT_EQ(verdict(plan, silent).slos[0].state, SloVerdict::State::NoData);
  EXPECT_DOUBLE_EQ(verdict(plan, silent).coverage, 10.0 / 16);
  // The first tick after the outage counts the requests of the whole gap.
  SloTick recovery{{525, 1}, {4725, 5}};
  recovery.bridges = 6;
  EXPECT_DOUBLE_EQ(verdict(plan, after(plan, silent, recovery)).coverage, 1.0);
}

TEST(Trial, ImpossibleCountsAreRefusedAndNothingChanges) {
  const TrialPlan plan = plan_of(1);
  const double nan = std::nan(""), inf = HUGE_VAL;
  for (const Counts& bad : {Counts{nan, 0}, {1, nan}, {-1, 0}, {1, -1}, {1, 2}, {inf, 1}, {inf, inf}, {1e16, 1}}) {
    for (const SloTick& tick : {SloTick{bad, {1, 0}}, SloTick{{1, 0}, bad}}) {
      const auto next = advance(plan, {}, std::vector{tick});
      ASSERT_FALSE(next);
      EXPECT_EQ(next.error().kind, Error::Kind::Invalid);
      EXPECT_NE(next.error().message.find("slo-0"), std::string::npos);
    }
    EXPECT_TRUE(advance(plan, {}, std::vector{SloTick{bad, bad, false}})) << "without data the counts are ignored";
  }
  EXPECT_FALSE(advance(plan, {}, std::vector<SloTick>(2)));
}

TEST(Trial, ManySlosAreJoinedByTheAverage) {
  const TrialPlan plan = plan_of(4);
  auto trial = *begin(plan);
  const SloTick good{{750, 1}, {6750, 7}};
  for (int i = 0; i < 10; ++i) trial = *advance(plan, trial, std::vector<SloTick>{good, good, good, good});
  for (int i = 0; i < 20 && !trial.failed; ++i)
    trial = *advance(plan, trial, std::vector<SloTick>{good, {{750, 40}, {6750, 7}}, good, good});
  ASSERT_TRUE(trial.failed);
  const Verdict v = verdict(plan, trial);
  EXPECT_EQ(v.slos[1].state, SloVerdict::State::Breach);
  EXPECT_NE(v.slos[0].state, SloVerdict::State::Breach);
  EXPECT_EQ(v.sentence.rfind("FAIL slo-1: ", 0), 0u) << v.sentence;
  double sum = 0;
  for (std::size_t i = 0; i < 4; ++i) sum += std::exp(log_evidence(slo_rules(plan, i), trial.slos[i])) / 4;
  EXPECT_NEAR(v.evidence, sum, 1e-9 * sum);
}

TEST(Trial, AnAdvisorySloIsShownButNeverDecides) {
  TrialPlan plan = plan_of(2);
  plan.slos[1].weight = 0;
  auto trial = *begin(plan);
  const SloTick good{{750, 0}, {6750, 7}};
  for (int i = 0; i < 60; ++i) trial = *advance(plan, trial, std::vector<SloTick>{good, {{750, 90}, {6750, 7}}});
  EXPECT_FALSE(trial.failed);
  const Verdict v = verdict(plan, trial);
  EXPECT_EQ(v.slos[1].state, SloVerdict::State::Breach);
  EXPECT_EQ(v.state, Verdict::State::Pass) << v.sentence;
}

TEST(Trial, ARestartAtAnyTickChangesNotOneBit) {
  TrialPlan plan = plan_of(2);
  plan.slos[1] = {.name = "latency", .kind = SloPlan::Kind::Latency, .objective = 0.99, .limit_text = "250ms"};
  std::mt19937_64 random(4);
  Trial straight = *begin(plan), restarted = *begin(plan);
  for (int t = 0; t < 200; ++t) {
    const Traffic traffic{.rate = t % 7 == 0 ? 0.1 : 20, .weight = t < 100 ? 0.1 : 0.5, .base = 0.01, .ratio = 1.3};
    std::vector<SloTick> ticks{traffic.tick(random), traffic.tick(random)};
    ticks[1].present = t % 11 != 0;
    straight = *advance(plan, straight, ticks);
    const auto read = from_json(plan, to_json(restarted));
    ASSERT_TRUE(read) << to_string(read.error());
    ASSERT_EQ(*read, restarted);
    restarted = *advance(plan, *read, ticks);
    ASSERT_EQ(straight, restarted) << t;
    ASSERT_EQ(to_json(straight), to_json(restarted)) << t;
    ASSERT_EQ(verdict(plan, straight).sentence, verdict(plan, restarted).sentence);
  }
}

TEST(Trial, AStateOfAnotherVersionOrPlanIsRefusedNeverMisread) {
  const TrialPlan plan = plan_of(1);
  const Trial trial = after(plan, {}, {{75, 1}, {675, 1}}, 3);
  const std::string text = to_json(trial);
  EXPECT_TRUE(from_json(plan, text));

  TrialPlan edited = plan;
  edited.slos[0].relative = 0.2;
  EXPECT_EQ(from_json(edited, text).error().kind, Error::Kind::Invalid);
  EXPECT_FALSE(advance(edited, trial, std::vector<SloTick>(1)));
  EXPECT_EQ(from_json(plan_of(2), text).error().kind, Error::Kind::Invalid);

  std::string newer = text;
  newer.replace(newer.find("\"version\":4"), 11, "\"version\":5");
  EXPECT_EQ(from_json(plan, newer).error().kind, Error::Kind::Invalid);
}

TEST(Trial, ADamagedStateIsRefusedWhateverByteIsDamaged) {
  const TrialPlan plan = plan_of(1);
  const std::string text = to_json(after(plan, {}, {{75, 1}, {675, 1}}, 3));
  for (const char* other : {"", "null", "[]", "{}", "{\"version\":1}", "nonsense"}) EXPECT_FALSE(from_json(plan, other)) << other;
  std::mt19937_64 random(5);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = text;
    damaged[random() % damaged.size()] = "0-e\"[]{}n,9"[random() % 11];
    const auto read = from_json(plan, damaged);
    if (!read) continue;  // some changes only make another valid number: it must still be usable
    const auto next = advance(plan, *read, std::vector{SloTick{{75, 1}, {675, 1}}});
    if (next) { EXPECT_FALSE(std::isnan(verdict(plan, *next).evidence)) << damaged; }
  }
  for (std::size_t cut = 0; cut < text.size(); cut += 7) EXPECT_FALSE(from_json(plan, text.substr(0, cut)));
}

TEST(Trial, APlanThatCannotBeJudgedByIsRefusedWithTheFieldAndTheCure) {
  const auto message = [](auto edit) {
    TrialPlan plan = plan_of(1);
    edit(plan);
    const auto ok = check(plan);
    return ok ? std::string("accepted") : ok.error().message;
  };
  EXPECT_EQ(message([](TrialPlan& p) { p.alpha = 0; }), "falseRollback is 0: give a share above 0 and below 0.5, such as 0.01");
  EXPECT_NE(message([](TrialPlan& p) { p.beta = std::nan(""); }).find("falsePromotion"), std::string::npos);
  EXPECT_NE(message([](TrialPlan& p) { p.burn = 20; }).find("at most 14.4"), std::string::npos);
  EXPECT_NE(message([](TrialPlan& p) { p.slos[0].objective = 1; }).find("slo slo-0: objective is 1"), std::string::npos);
  EXPECT_NE(message([](TrialPlan& p) { p.slos.push_back(p.slos[0]); }).find("two SLOs are named slo-0"), std::string::npos);
  EXPECT_NE(message([](TrialPlan& p) { p.slos.clear(); }).find("no SLO decides"), std::string::npos);
  EXPECT_EQ(message([](TrialPlan&) {}), "accepted");
}

TEST(Trial, EveryPlanLeavesNoCanaryBetweenTheTwoLimits) {
  std::mt19937_64 random(6);
  std::uniform_real_distribution<double> unit(0, 1);
  for (int i = 0; i < 2000; ++i) {
    TrialPlan plan = plan_of(1);
    plan.margin = 0.01 + unit(random);
    plan.slos[0].relative = 3 * unit(random);
    plan.slos[0].absolute = 1e-2 * unit(random);
    if (i % 2 == 0) plan.slos[0].objective = 1 - std::pow(10, -5 * unit(random) - 0.1);
    const Limit harm = harm_limit(plan.slos[0]), health = health_limit(plan, plan.slos[0]);
    for (double p0 : {0.0, 1e-6, 1e-3, 0.1, 0.5}) EXPECT_GT(health.at(p0), harm.at(p0));
  }
}

TEST(Trial, NoInputEverGivesNaNOrFailsAFaultlessCanary) {
  TrialPlan plan = plan_of(2);
  plan.slos[1].objective = 0.999;
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> unit(0, 1);
  const auto count = [&] {
    switch (random() % 6) {
      case 0: return 0.0;
      case 1: return 1.0;
      case 2: return 1e-12;
      case 3: return std::pow(10, 15 * unit(random));
      case 4: return unit(random);
      default: return std::floor(1000 * unit(random));
    }
  };
  const auto arm = [&](bool faultless) {
    Counts c{std::min(count(), Counts::kMaxCount), 0};
    if (!faultless) c.bad = random() % 3 == 0 ? c.total : std::min(count(), c.total);
    return c;
  };
  int steps = 0;
  while (steps < 10'000) {
    const bool faultless = random() % 2 == 0;
    Trial trial;
    for (int t = 0; t < 50; ++t, ++steps) {
      std::vector<SloTick> ticks{{arm(faultless), arm(false)}, {arm(faultless), arm(false)}};
      if (random() % 50 == 0) {
        ticks[random() % 2].canary.total = std::nan("");
        ASSERT_FALSE(advance(plan, trial, ticks));
        continue;
      }
      auto next = advance(plan, trial, ticks);
      ASSERT_TRUE(next) << to_string(next.error());
      trial = *next;
      ASSERT_FALSE(faultless && trial.failed);
      ASSERT_TRUE(std::isfinite(log_evidence(plan, trial)));
      if (t % 10 != 0) continue;
      const Verdict v = verdict(plan, trial);
      ASSERT_FALSE(faultless && v.state == Verdict::State::Hold);
      for (const SloVerdict& slo : v.slos) {
        ASSERT_TRUE(std::isfinite(slo.evidence) && std::isfinite(slo.health_evidence) && std::isfinite(slo.phi)) << slo.message;
        ASSERT_EQ(slo.message.find("nan"), std::string::npos) << slo.message;
        ASSERT_EQ(slo.message.find("inf"), std::string::npos) << slo.message;
        ASSERT_TRUE(!slo.forecast_requests || std::isfinite(*slo.forecast_requests));
      }
      ASSERT_EQ(*from_json(plan, to_json(trial)), trial);
    }
  }
}

}  // namespace
}  // namespace sluice::judge
