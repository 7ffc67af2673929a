#include "controller/judge/trial_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/judge/traffic_for_test.h"
#include "controller/judge/verdict.h"

namespace sluice::judge {
namespace {

// As the first release wrote it after twelve ticks, one of them without data and the last without baseline.
constexpr const char* kVersion1 =
    R"({"failed":false,"peak":-0.08281277995931058,"plan":"ltfthqcc6x","slos":[[-0.323298796201705,-0.15332643815644398,-0.2406)"
    R"(55023090949,-0.6543453642327848,-1.4436600202269303,-2.623550160858003,-4.1695107085457055,-5.931704721229148,-7.3113357)"
    R"(76863009,-8.17808028185477,10,-0.1940909294296408,-1.311799148074921,-3.8663225072413505,-7.102150817735735,-8.491798696)"
    R"(508003,-9.896719795677487,-11.83417293007281,-14.70394967066022,-18.92166663591116,-24.883989996028532,-32.8951257883849)"
    R"(3,12,-0.8263186482128672,-0.7374895825891347,-0.5670267126703421,-0.41064983610729433,-0.27057011521032426,-0.1492702925)"
    R"(8178307,-0.04950910015265056,-0.33670452389728966,7242.131725185191,10.729084037311393,5.323531641095203,0.6777223155800)"
    R"(808,0.0,11.0,2.0,0.0,0.0,0.0,0.0,1.0,0.8900623581003326,0.6899931537006091,4.0,3.1527160067697606,2.4791551138697976,11,)"
    R"(3.6,1.0999999999999999,-13.10116514635469,-12.456617068054879,-11.204656020753053,-9.423837214482491,-7.242198905287522,)"
    R"(-4.8465359790117235,-2.4851116698052933,-0.44861419132682767,0.9856236966623908,1.6362695124331466,1.4774027343100549,0.)"
    R"(6263068689325417,-0.7264703534332223,-2.387753361681091,-4.198437138181332,-6.03983653306455,-7.826238374940512,-9.49516)"
    R"(5275947093,-10.999765687598236,-12.303928863154065,-13.379483052429938,-14.20471696013861,-14.763659131267554,-15.045758)"
    R"(251778151,900.0,4.0,7425.0,11.0,75.0,0.0,0.0,0.0,1,12,0],[-0.8330267836707688,-4.124277397052792,-7.756666722769935,-9.3)"
    R"(87206456562298,-11.515239035700223,-14.514666932047742,-18.81227068553349,-24.859363573360522,-33.00193809131714,-43.323)"
    R"(1518482886,10,-0.7648682583956214,null,null,null,null,null,null,null,null,null,null,0,0.0,-1.4947872027947244,-0.7887579)"
    R"(549920658,-0.24630185689440942,0.11484752475475951,0.27574968368045033,0.2163363026102999,-0.15448624732024285,7242.1317)"
    R"(25185191,231.20639073153666,0.08816637765282706,0.0008394096927605574,0.0,11.0,2.0,0.0,0.0,0.0,0.0,9.0,8.97153461772073,)"
    R"(7.623371528955962,33.0,33.08377563725488,28.07703218429942,11,29.699999999999996,23.700000000000003,-397.6701378564089,-)"
    R"(383.29898835699737,-355.2725045441053,-315.0986358954665,-265.2209915875499,-209.18338803431877,-151.67555416013843,-98.)"
    R"(18656954909608,-53.99642457688826,-22.683485804569738,-5.049706540861621,0.6653688983786084,-2.468311619390878,-11.33660)"
    R"(4751817028,-23.435531458897614,-36.97940647835058,-50.76077664371604,-63.96943086340459,-76.05004196466054,-86.609308244)"
    R"(39868,-95.36112890895728,-102.09620911194463,-106.66598323080645,-108.97448330998222,825.0,33.0,7425.0,237.0,0.0,0.0,0.0)"
    R"(,0.0,0,11,0]],"ticks":12,"version":1})";

TrialPlan first_plan() {
  TrialPlan plan;
  plan.slos = {{.name = "errors", .objective = 0.999},
               {.name = "latency", .kind = SloPlan::Kind::Latency, .relative = 0.2, .limit_text = "250ms"}};
  return plan;
}

TEST(TrialJson, AStateOfTheFirstReleaseIsReadAndGoesOnAsItWouldHave) {
  const TrialPlan plan = first_plan();
  auto trial = from_json(plan, kVersion1);
  ASSERT_TRUE(trial) << to_string(trial.error());
  EXPECT_EQ(trial->ticks, 12);
  EXPECT_EQ(trial->slos[1].covered, 11);
  EXPECT_EQ(trial->slos[0].waiting_canary, 75);
  for (int i = 0; i < 5; ++i) trial = advance(plan, *trial, std::vector<SloTick>{{{75, i * 2.0}, {675, 1}}, {{75, 3}, {675, 21}}});
  const Verdict v = verdict(plan, *trial);
  EXPECT_NEAR(v.peak_evidence, 132.54647200438689, 1e-8);  // of the first release
  EXPECT_TRUE(trial->failed && trial->held);
  EXPECT_EQ(v.slos[1].message,
            "latency: 4% of 1,200 canary requests took longer than 250ms, baseline 3.17% of 10,800: 1.3x [0.64, 2.3] on average so far. "
            "Evidence 0.45:1 against \"at most 1.2x the baseline + 0.01 pp\" (fails at 100:1). Not yet proven \"at most 1.5x the baseline "
            "+ 0.05 pp\": 0.81:1 of 20:1, about 2,024 more canary requests if it is as good as the baseline.");
}

TEST(TrialJson, AStateOfTheFirstReleaseThatIsDamagedIsRefused) {
  const std::string text = kVersion1;
  for (std::size_t cut = 1; cut < text.size(); cut += 13) EXPECT_FALSE(from_json(first_plan(), text.substr(0, cut)));
  std::string longer = text;
  longer.insert(longer.find("\"slos\":[[") + 9, "0.5,");
  EXPECT_EQ(from_json(first_plan(), longer).error().kind, Error::Kind::Corrupt);
}

TrialPlan plan_of_all_kinds() {
  TrialPlan plan;
  plan.slos = {{.name = "errors", .objective = 0.999},
               {.name = "latency", .kind = SloPlan::Kind::LatencyDistribution, .bounds = {{0.1, 0.5, 1.05, 1.3}, {0.5, 0.02, 1.2, 1.6}}},
               {.name = "memory", .kind = SloPlan::Kind::Gauge, .threshold = 500},
               {.name = "queue", .kind = SloPlan::Kind::GaugeComparison, .absolute = 1}};
  return plan;
}

TEST(TrialJson, EveryKindComesBackBitForBitAtEveryTick) {
  const TrialPlan plan = plan_of_all_kinds();
  std::mt19937_64 random(21);
  Trial straight = *begin(plan), restarted = straight;
  for (int t = 0; t < 120; ++t) {
    const Traffic traffic{.rate = 20, .weight = 0.2, .base = 0.01, .ratio = 1.2};
    std::vector<SloTick> ticks(4);
    for (SloTick& tick : ticks) {
      tick = traffic.tick(random);
      tick.canary_above = {tick.canary.total / 2, tick.canary.bad};
      tick.baseline_above = {tick.baseline.total / 3, tick.baseline.bad};
      tick.canary_value = 400 + static_cast<double>(random() % 200) / 3;
      tick.baseline_value = t % 13 == 0 ? kNoValue : 400;
      tick.canary_pods = 3;
      tick.worst_pods = {PodBad{pod_id("web-a"), 2}, PodBad{pod_id("web-b"), 1}};
      tick.present = random() % 20 != 0;
    }
    straight = *advance(plan, straight, ticks);
    const auto read = from_json(plan, to_json(restarted));
    ASSERT_TRUE(read) << to_string(read.error());
    ASSERT_EQ(*read, restarted);
    restarted = *advance(plan, *read, ticks);
    ASSERT_EQ(straight, restarted) << t;
    ASSERT_EQ(verdict(plan, straight).sentence, verdict(plan, restarted).sentence);
  }
  EXPECT_EQ(straight.slos[0].pods.worst().pod, pod_id("web-a"));
}

TEST(TrialJson, TheStateHasOneSizeWhateverHappens) {
  EXPECT_LE(sizeof(HarmProcess), 256u);
  EXPECT_LE(sizeof(SloTrial), 4096u);
  const TrialPlan plan = plan_of_all_kinds();
  Trial trial = *begin(plan);
  const auto rules = Rules::of(plan);
  std::mt19937_64 random(22);
  for (int t = 0; t < 2000; ++t) {
    std::vector<SloTick> ticks(4, Traffic{.rate = 50, .weight = 0.5, .base = 0.001}.tick(random));
    for (SloTick& tick : ticks) {
      tick.canary_above = {tick.canary.bad, tick.canary.bad};
      tick.baseline_above = {tick.baseline.bad, tick.baseline.bad};
      tick.canary_value = tick.canary.bad;
      tick.baseline_value = tick.baseline.bad;
    }
    ASSERT_TRUE(advance(*rules, trial, ticks));
  }
  EXPECT_EQ(trial.ticks, 2000) << "it failed on the way";
  std::size_t most = 0;
  for (const SloTrial& slo : trial.slos) {
    Trial alone;
    alone.slos = {slo};
    most = std::max(most, to_json(alone).size());
  }
  EXPECT_LT(most, 4096u);  // of two bounds
}

TEST(TrialJson, WhateverByteIsDamagedItIsRefusedOrStillMakesSense) {
  const TrialPlan plan = plan_of_all_kinds();
  const auto rules = Rules::of(plan);
  std::vector<SloTick> ticks(4, {{75, 2}, {675, 14}});
  for (SloTick& tick : ticks) {
    tick.canary_above = {40, 2};
    tick.baseline_above = {330, 14};
    tick.canary_value = 510;
    tick.baseline_value = 400;
    tick.canary_pods = 3;
    tick.worst_pods = {PodBad{pod_id("web-a"), 2}};
  }
  Trial trial = begin(*rules);
  for (int i = 0; i < 21; ++i) ASSERT_TRUE(advance(*rules, trial, ticks));
  const std::string text = to_json(trial);
  std::mt19937_64 random(23);
  int read_back = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string damaged = text;
    damaged[random() % damaged.size()] = "0-e\"[]{}n,9"[random() % 11];
    auto read = from_json(*rules, damaged);
    if (!read) continue;
    ++read_back;
    for (int more = 0; more < 4; ++more) ASSERT_TRUE(advance(*rules, *read, ticks));
    const Verdict v = verdict(*rules, *read);
    ASSERT_TRUE(std::isfinite(v.evidence)) << damaged;
    for (const SloVerdict& slo : v.slos) ASSERT_TRUE(std::isfinite(slo.evidence) && std::isfinite(slo.health_evidence)) << damaged;
  }
  EXPECT_GT(read_back, 100) << "nearly all was refused: the second half of the test was not exercised";
}

TEST(TrialJson, NumbersThatNoTrialCanHaveAreRefused) {
  const TrialPlan plan = plan_of_all_kinds();
  const Trial sound = *advance(plan, {}, std::vector<SloTick>(4, {{75, 1}, {675, 1}}));
  ASSERT_TRUE(from_json(plan, to_json(sound)));
  const auto refused = [&](auto forge) {
    Trial trial = sound;
    forge(trial.slos[0]);
    const auto read = from_json(plan, to_json(trial));
    return !read && read.error().kind == Error::Kind::Corrupt;
  };
  EXPECT_TRUE(refused([](SloTrial& s) { s.questions[0].canary_bad = 76; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.questions[0].baseline.bad = 1e9; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.questions[0].relative.log_e = kLogZero; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.questions[0].spread.chi_square[1] = -1; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.gauge.harm.sum = 1e200; }));
  EXPECT_TRUE(refused([](SloTrial& s) { s.pods.bad = -1; }));
}

TEST(TrialJson, AnUnknownPartIsRefused) {
  const TrialPlan plan = plan_of_all_kinds();
  std::string text = to_json(*advance(plan, {}, std::vector<SloTick>(4, {{75, 1}, {675, 1}})));
  ASSERT_TRUE(from_json(plan, text));
  text.replace(text.find("\"interval\""), 10, "\"interwal\"");
  EXPECT_EQ(from_json(plan, text).error().kind, Error::Kind::Corrupt);
}

}  // namespace
}  // namespace sluice::judge
