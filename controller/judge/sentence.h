// A verdict in words: estimate, evidence and the limit that was tested, so that nobody needs to ask "by how much?".
// Pure functions of values; the wording is for people and not an interface.
#pragma once

#include <string>

#include "controller/judge/verdict.h"

namespace sluice::judge {

// "FAIL errors: 0.21% of 41,200 canary requests failed, baseline 0.1% of 371,000: 2.1x [1.6, 2.8] on average so far.
//  Evidence 1,240:1 against "at most 1.1x the baseline + 0.01 pp" (needs 100:1). ..."
std::string slo_sentence(const TrialPlan& plan, std::size_t slo, const SloVerdict& verdict, const SloTrial& trial);

// The verdict on the whole: the sentence of the SLO that matters most, with the joint evidence where there are several.
std::string verdict_sentence(const TrialPlan& plan, const Verdict& verdict);

// 41200.4 -> "41,200"; used for requests and odds.
std::string with_commas(double value);

// Evidence as odds: "1,240:1", "3.1:1", "over 1,000,000:1".
std::string as_odds(double evidence);

// Three significant digits and a percent sign: 0.00213 -> "0.213%".
std::string as_percent(double share);

// 0.0251 -> "25.1ms", 1.5 -> "1.5s".
std::string as_seconds(double seconds);

}  // namespace sluice::judge
