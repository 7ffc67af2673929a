#include "tests/bench/judge/contender.h"
#include "tests/bench/judge/cumulative.h"
#include "tests/bench/judge/failure_limit.h"
#include "tests/bench/judge/mann_whitney.h"

namespace sluice::bench {

std::vector<Rival> rivals() {
  std::vector<Rival> all;
  // success >= 0.95 each minute, failureLimit 3: the fourth failed measurement rolls back.
  all.push_back({"95 %, limit 3", std::make_unique<FailureLimitRule>(FailureLimit{0.95, 4, false, 4})});
  // request-success-rate >= 99 each minute, threshold 5: the fifth failed check, whenever it was.
  all.push_back({"99 %, 5 checks", std::make_unique<FailureLimitRule>(FailureLimit{0.99, 5, false, 4})});
  // The same, but five in a row: as alerts are written ("for: 5m").
  all.push_back({"99 %, 5 in a row", std::make_unique<FailureLimitRule>(FailureLimit{0.99, 5, true, 4})});
  all.push_back({"Mann-Whitney", std::make_unique<MannWhitneyRule>()});
  all.push_back({"mSPRT", std::make_unique<MixtureRatio>()});
  all.push_back({"z each minute", std::make_unique<NaiveZ>()});
  return all;
}

}  // namespace sluice::bench
