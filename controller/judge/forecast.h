// How much traffic a verdict takes, before the first request is sent: what no statistics can beat.
//
// A tick's information is I = min_s [kl(p1 || theta*s+delta) + r*kl(p0 || s)] per canary request, r baseline requests coming with
// each; any rule with the same error rates needs about ln(1/alpha)/I requests (Wald). The judge takes 1.4 to 2 times that.
// Pure functions. With BaselineArm::Fresh r is 1, otherwise (1-weight)/weight.
#pragma once

#include <optional>

#include "controller/judge/plan.h"

namespace sluice::judge {

struct Outlook {
  double base = 0.001;  // the baseline's share of bad requests, > 0
  double weight = 0.1;  // the canary's share of the traffic, above 0 and below 1
  double phi = 1;       // overdispersion
};

// Canary requests until FAIL of a canary that is `ratio` times as bad. Empty: it is within the tolerance, or nothing can be said.
// ErrorRate and Latency.
std::optional<double> requests_to_fail(const TrialPlan& plan, const SloPlan& slo, const Outlook& outlook, double ratio);
// Canary requests until PASS of a canary that is as good as the baseline.
std::optional<double> requests_to_pass(const TrialPlan& plan, const SloPlan& slo, const Outlook& outlook);

// Requests with `baseline_per_canary` baseline requests to each of the canary's, until `log_evidence` more is gathered against the
// limit by true shares p1 and p0. Empty: they lie within it.
std::optional<double> requests_for(double log_evidence, const Limit& limit, double p1, double p0, double baseline_per_canary, double phi);

}  // namespace sluice::judge
