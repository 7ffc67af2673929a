// Thousands of random scenarios, each from one seed (script.h): whatever people do and whatever goes wrong, everything comes
// to rest, the right template serves, no invariant is broken and nothing is written any more.
//
//   SLUICE_SCENARIOS=5000 scenarios_test --gtest_filter='*EverySeed*'  more of them (default 1000)
//   SLUICE_SEED=123 scenarios_test --gtest_filter=Seeds.Replay        one alone, with its whole story
//   SLUICE_CRASHES=10 ...                                             scenarios of which every crash point is tried (default 50)
//
// hack/test runs all of them on the optimized build and some with sanitizers.
#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scenarios/script.h"

namespace sluice::scenarios {
namespace {

using ::testing::IsEmpty;

constexpr int kShards = 4;  // so that ctest can run them side by side

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void fails(const Script& script, const Ending& ending) {
  std::string all;
  for (const auto& wrong : ending.wrong) all += "  " + wrong + "\n";
  ADD_FAILURE() << all << script.str() << "  again: SLUICE_SEED=" << script.seed << " scenarios_test --gtest_filter=Seeds.Replay";
}

class EverySeed : public ::testing::TestWithParam<int> {};

TEST_P(EverySeed, EverythingComesToRestAndTheRightTemplateServes) {
  const std::uint64_t count = number_of("SLUICE_SCENARIOS", 1000);
  for (std::uint64_t seed = 1 + static_cast<std::uint64_t>(GetParam()); seed <= count; seed += kShards) {
    const Script script = Script::from_seed(seed);
    const Ending ending = play(script);
    if (!ending.wrong.empty()) fails(script, ending);
  }
}

// I7: a crash at any write, applied or not, changes nothing of how the scenario ends.
TEST_P(EverySeed, ACrashAtAnyWriteDoesNotChangeTheOutcome) {
  const std::uint64_t count = number_of("SLUICE_CRASHES", 50);
  for (std::uint64_t seed = 1 + static_cast<std::uint64_t>(GetParam()); seed <= count; seed += kShards) {
    const Script whole = Script::comparable(seed);
    const Ending expected = play(whole, Duration(10'000));
    if (!expected.wrong.empty()) {
      ADD_FAILURE() << ::testing::PrintToString(expected.wrong) << "\n" << whole.str();
      continue;
    }
    for (int write = 1; write <= expected.operator_writes; ++write) {
      for (const bool applied : {false, true}) {
        Script crashing = whole;
        crashing.faults.crash_at_write = write;
        crashing.faults.crash_after_apply = applied;
        const Ending ending = play(crashing, Duration(10'000));
        const std::string again = "  again: SLUICE_CRASH_SEED=" + std::to_string(seed) + " SLUICE_CRASH_AT=" + std::to_string(write) +
                                  " SLUICE_CRASH_APPLIED=" + (applied ? "1" : "0") + " scenarios_test --gtest_filter=Seeds.ReplayCrash";
        EXPECT_THAT(ending.wrong, IsEmpty()) << crashing.str() << again;
        if (!ending.wrong.empty()) continue;
        EXPECT_EQ(ending.outcome, expected.outcome) << crashing.str() << again;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, EverySeed, ::testing::Range(0, kShards));

// A seed alone; the seed 1 where none is named, so that the way to replay is itself tried in every run.
TEST(Seeds, Replay) {
  const Script script = Script::from_seed(number_of("SLUICE_SEED", 1));
  const Ending ending = play(script);
  if (std::getenv("SLUICE_SEED") != nullptr) std::printf("%s\nended: %s\n", ending.story.c_str(), ending.outcome.c_str());
  EXPECT_THAT(ending.wrong, IsEmpty());
}

TEST(Seeds, ReplayCrash) {
  Script script = Script::comparable(number_of("SLUICE_CRASH_SEED", 1));
  script.faults.crash_at_write = static_cast<int>(number_of("SLUICE_CRASH_AT", 10));
  script.faults.crash_after_apply = number_of("SLUICE_CRASH_APPLIED", 0) != 0;
  const Ending ending = play(script, Duration(10'000));
  if (std::getenv("SLUICE_CRASH_SEED") != nullptr) std::printf("%s\nended: %s\n", ending.story.c_str(), ending.outcome.c_str());
  EXPECT_THAT(ending.wrong, IsEmpty());
}

}  // namespace
}  // namespace sluice::scenarios
