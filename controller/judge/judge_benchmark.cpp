// What judging costs: per update, beside a loop of fixed work, so that figures of different machines can be compared.
//   build/release/controller/judge/judge_benchmark      (where the machine has other work, read the CPU column)
#include <benchmark/benchmark.h>
#include <cmath>
#include <vector>

#include "controller/judge/judge.h"
#include "controller/judge/replay.h"

namespace sluice::judge {
namespace {

// 1000 dependent multiplications and subtractions: what the machine makes of it is the unit.
void Reference(benchmark::State& state) {
  double x = 0.3;
  for (auto _ : state) {
    for (int i = 0; i < 1000; ++i) x = 3.9 * x * (1 - x);
    benchmark::DoNotOptimize(x);
  }
}
BENCHMARK(Reference);

void HarmProcessUpdate(benchmark::State& state) {
  const HarmTest test{{1.1, 1e-4}, 480, std::log(100) / 2};
  HarmProcess process;
  int tick = 0;
  for (auto _ : state) {
    update(process, test, {75, tick % 9 == 0 ? 1.0 : 0.0}, {675, tick % 2 == 0 ? 1.0 : 0.0}, 0.001, 1.5);
    ++tick;
  }
  benchmark::DoNotOptimize(process);
  state.counters["bytes"] = sizeof(process);
}
BENCHMARK(HarmProcessUpdate);

void HealthProcessUpdate(benchmark::State& state) {
  HealthProcess process;
  int tick = 0;
  for (auto _ : state) {
    update(process, {1.5, 5e-4}, {75, tick % 9 == 0 ? 1.0 : 0.0}, {675, tick % 2 == 0 ? 1.0 : 0.0}, 0.001, 1.5);
    ++tick;
  }
  benchmark::DoNotOptimize(process);
  state.counters["bytes"] = sizeof(process);
}
BENCHMARK(HealthProcessUpdate);

SloPlan distribution() {
  SloPlan slo{.name = "latency", .kind = SloPlan::Kind::LatencyDistribution};
  double seconds = 0.05;
  for (const double share : {0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005}) slo.bounds.push_back({seconds *= 1.5, share, 1.06, 1.4});
  return slo;
}

SloTick tick_of(int i) {
  SloTick tick{{75, i % 9 == 0 ? 1.0 : 0.0}, {675, i % 2 == 0 ? 1.0 : 0.0}};
  tick.canary_above = {37.0 + i % 3, 18.0 + i % 4, 7.0 + i % 3, 3.0 + i % 3, i % 4 * 1.0, i % 2 * 1.0, i % 3 == 0 ? 1.0 : 0.0};
  tick.baseline_above = {337.0 + i % 7, 168.0 + i % 5, 67.0 + i % 3, 34.0 + i % 3, 13.0 + i % 2, 6.0 + i % 3, 3.0 + i % 2};
  tick.canary_value = 100 + i % 7;
  tick.baseline_value = 100 + i % 5;
  return tick;
}

void Advance(benchmark::State& state, const SloPlan& slo) {
  TrialPlan plan;
  plan.slos = {slo};
  const auto rules = Rules::of(plan);
  Trial trial = begin(*rules);
  int i = 0;
  for (auto _ : state) {
    const SloTick tick = tick_of(i++);
    benchmark::DoNotOptimize(advance(*rules, trial, std::span(&tick, 1)));
    if (trial.ticks == 480 || trial.failed) trial = begin(*rules);
  }
  state.counters["bytes"] = sizeof(SloTrial);
  state.counters["json_bytes"] = static_cast<double>(to_json(trial).size());
}
BENCHMARK_CAPTURE(Advance, error_rate, SloPlan{.name = "errors"});
BENCHMARK_CAPTURE(Advance, error_rate_with_objective, SloPlan{.name = "errors", .objective = 0.999});
BENCHMARK_CAPTURE(Advance, latency_distribution, distribution());
BENCHMARK_CAPTURE(Advance, gauge, SloPlan{.name = "queue", .kind = SloPlan::Kind::Gauge, .threshold = 105});
BENCHMARK_CAPTURE(Advance, gauge_comparison, SloPlan{.name = "queue", .kind = SloPlan::Kind::GaugeComparison, .absolute = 1});

void VerdictAndSentence(benchmark::State& state) {
  TrialPlan plan;
  plan.slos = {SloPlan{.name = "errors"}, distribution()};
  const auto rules = Rules::of(plan);
  Trial trial = begin(*rules);
  for (int i = 0; i < 40; ++i) benchmark::DoNotOptimize(advance(*rules, trial, std::vector{tick_of(i), tick_of(i)}));
  for (auto _ : state) benchmark::DoNotOptimize(verdict(*rules, trial));
}
BENCHMARK(VerdictAndSentence)->Unit(benchmark::kMicrosecond);

void StateToTextAndBack(benchmark::State& state) {
  TrialPlan plan;
  plan.slos = {SloPlan{.name = "errors"}, distribution()};
  const auto rules = Rules::of(plan);
  Trial trial = begin(*rules);
  for (int i = 0; i < 40; ++i) benchmark::DoNotOptimize(advance(*rules, trial, std::vector{tick_of(i), tick_of(i)}));
  for (auto _ : state) benchmark::DoNotOptimize(from_json(*rules, to_json(trial)));
}
BENCHMARK(StateToTextAndBack)->Unit(benchmark::kMicrosecond);

// One window of an hour at 15 s, judged again until it is known what it needs.
void ReplayOfAWindow(benchmark::State& state, const SloPlan& slo) {
  TrialPlan plan;
  plan.slos = {slo};
  ReplayWindow window;
  for (int i = 0; i < 240; ++i) window.ticks.push_back({tick_of(i)});
  for (auto _ : state) benchmark::DoNotOptimize(needed_phi(plan, 0, window));
}
BENCHMARK_CAPTURE(ReplayOfAWindow, error_rate, SloPlan{.name = "errors"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReplayOfAWindow, latency_distribution, distribution())->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::judge
