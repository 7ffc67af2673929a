// A random scenario, drawn from one seed: an application, a Rollout, what people do to them and what goes wrong meanwhile.
//
//   const Script script = Script::from_seed(123);
//   const Ending ending = play(script);
//   EXPECT_THAT(ending.wrong, IsEmpty()) << ending.story;
//
// The same seed always plays the same history. Single-threaded; scenarios share nothing, so processes may split the seeds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/scenarios/stage.h"

namespace sluice::scenarios {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"  // g++ 12 warns of scoped enumerators that are called like a type
enum class Deed {
  EditGood,
  EditErrors,
  EditSlow,
  EditNeverReady,
  EditCrash,
  EditBack,
  Undo,
  Scale,
  DeleteRollout,
  ForceDeleteRollout,
  Abort,
  Promote,
  Retry,
  EditSteps,
  Pause,
  Unpause,
  ReapplyRoute,
  ReapplyService,
  DeleteCanaryService,
  DeleteCanarySet,
  DeleteCanaryPods,
  PrometheusDown,
  PrometheusNaN,
};
#pragma GCC diagnostic pop
const char* text(Deed deed);

struct Act {
  Deed deed = Deed::EditGood;
  int value = 0;           // replicas, seconds or a version, as the deed needs
  Duration after{0};       // since the act before
  bool at_weight = false;  // waits until the canary has traffic, or the run is over
};

struct Script {
  std::uint64_t seed = 1;
  int replicas = 3;
  int rules = 1;
  bool route = true;
  bool gate_by_policy = true;
  bool rolling = false;
  int history_limit = 10;
  bool recreate = false;
  std::vector<Act> acts;
  simulation::FaultPlan faults;  // until the last act is done; the crash may come later
  double stale = 0;
  Duration downtime{0};  // of the operator after a crash or a lost lease
  std::optional<int> lease_lost_at_write;

  static Script from_seed(std::uint64_t seed);
  // One whose ending does not depend on when the operator crashed: acts wait for the run, not for the clock.
  static Script comparable(std::uint64_t seed);
  bool has(Deed deed) const;
  std::string str() const;  // one line per fact, for a failing seed
};

struct Ending {
  std::vector<std::string> wrong;  // empty: all is as it must be
  std::string outcome;             // "Promoted, RolledBack | Healthy | serves <template>", for comparisons
  int operator_writes = 0;         // until everything was at rest
  std::string story;
};

// `idle`: how long zero writes are demanded once everything is at rest (I11).
Ending play(const Script& script, Duration idle = Duration(600'000));

}  // namespace sluice::scenarios
