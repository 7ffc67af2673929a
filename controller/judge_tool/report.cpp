#include "controller/judge_tool/report.h"

#include <nlohmann/json.hpp>

#include "controller/judge_tool/printable.h"

namespace sluice::judge_tool {

std::string as_text(Time at, const judge::Verdict& verdict, std::size_t width) {
  return format_time(at) + "  tick " + std::to_string(verdict.ticks) + "  " + std::string(judge::name(verdict.state)) + '\n' +
         wrapped(verdict.sentence, width, 2);
}

std::string as_json(Time at, const judge::Verdict& verdict) {
  using nlohmann::ordered_json;
  ordered_json slos = ordered_json::array();
  for (const judge::SloVerdict& slo : verdict.slos) {
    ordered_json entry{{"name", slo.name},
                       {"verdict", judge::name(slo.state)},
                       {"canary", slo.canary},
                       {"baseline", slo.baseline},
                       {"limit", slo.limit},
                       {"canaryRequests", slo.canary_requests},
                       {"baselineRequests", slo.baseline_requests},
                       {"evidence", slo.evidence},
                       {"healthEvidence", slo.health_evidence},
                       {"phi", slo.phi},
                       {"coverage", slo.coverage},
                       {"sentence", slo.message}};
    if (slo.estimate) entry["ratio"] = *slo.estimate;
    if (slo.interval) {
      entry["ratioLow"] = slo.interval->low;
      if (slo.interval->bounded()) entry["ratioHigh"] = slo.interval->high;
    }
    if (slo.forecast_requests) entry["requestsToPass"] = *slo.forecast_requests;
    slos.push_back(std::move(entry));
  }
  const ordered_json line{{"time", format_time(at)},      {"tick", verdict.ticks},        {"verdict", judge::name(verdict.state)},
                          {"evidence", verdict.evidence}, {"needed", verdict.needed},     {"noHarm", verdict.no_harm},
                          {"coverage", verdict.coverage}, {"sentence", verdict.sentence}, {"slos", std::move(slos)}};
  return line.dump(-1, ' ', true, ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace sluice::judge_tool
