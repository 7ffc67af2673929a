#include "controller/judge/rules.h"

#include <cmath>
#include <utility>

namespace sluice::judge {

Expected<Rules> Rules::of(TrialPlan plan) {
  if (auto ok = check(plan); !ok) return Unexpected(ok.error());
  Rules rules;
  rules.digest_ = judge::digest(plan);
  rules.log_fail_ = std::log(1 / plan.alpha);
  for (std::size_t i = 0; i < plan.slos.size(); ++i) rules.slos_.push_back(slo_rules(plan, i));
  rules.plan_ = std::move(plan);
  return rules;
}

}  // namespace sluice::judge
