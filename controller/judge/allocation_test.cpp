// One tick of any kind of SLO allocates nothing: counted with an operator new of our own.
#include <gtest/gtest.h>
#include <atomic>
#include <cstdlib>
#include <new>

#include "controller/judge/trial.h"

namespace {
std::atomic<long> allocations{0};
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace sluice::judge {
namespace {

TEST(Allocation, NoTickAllocates) {
  TrialPlan plan;
  plan.slos = {{.name = "errors", .objective = 0.999},
               {.name = "slow", .kind = SloPlan::Kind::Latency},
               {.name = "latency", .kind = SloPlan::Kind::LatencyDistribution, .bounds = {{0.1, 0.5, 1.05, 1.3}, {0.5, 0.02, 1.2, 1.6}}},
               {.name = "memory", .kind = SloPlan::Kind::Gauge, .threshold = 500},
               {.name = "queue", .kind = SloPlan::Kind::GaugeComparison, .absolute = 1}};
  const auto rules = Rules::of(plan);
  ASSERT_TRUE(rules);
  Trial trial = begin(*rules);
  std::array<SloTick, 5> ticks;
  bool ok = true;
  const long before = allocations;
  for (int i = 0; i < 300; ++i) {
    for (SloTick& tick : ticks) {
      tick = {{75, i % 40 == 0 ? 1.0 : 0.0}, {675, 1}};
      tick.canary_above = {37, 2};
      tick.baseline_above = {337, 14};
      tick.canary_value = tick.baseline_value = i % 11;
      tick.present = i % 17 != 0;
      tick.worst_pods[0] = {1 + i, 1};
      if (i % 19 == 0) tick.baseline.total = tick.baseline.bad = tick.baseline_above[0] = tick.baseline_above[1] = 0;
    }
    ok = ok && advance(*rules, trial, ticks).has_value();
  }
  EXPECT_EQ(allocations - before, 0);
  EXPECT_TRUE(ok);
  EXPECT_EQ(trial.ticks, 300) << "it failed on the way: not every tick was judged";
  const long counted = allocations;
  EXPECT_TRUE(advance(plan, trial, ticks));
  EXPECT_GT(allocations, counted) << "the counter does not count";
}

}  // namespace
}  // namespace sluice::judge
