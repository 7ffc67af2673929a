#include "tests/bench/judge/tally.h"

#include <cmath>

namespace sluice::bench {

void Outcome::add(const Outcome& other) {
  runs += other.runs;
  fired += other.fired;
  early += other.early;
  spent += other.spent;
  spent_square += other.spent_square;
  excess += other.excess;
  phi += other.phi;
  unusable += other.unusable;
  for (const auto& [tick, count] : other.at) at[tick] += count;
}

void add(Tally& to, const Tally& from) {
  for (const auto& [contender, outcome] : from) to[contender].add(outcome);
}

int quantile(const Outcome& outcome, double share) {
  const auto needed = static_cast<long>(std::ceil(share * static_cast<double>(outcome.runs)));
  long seen = 0;
  for (const auto& [tick, count] : outcome.at)
    if ((seen += count) >= needed) return tick;
  return 0;
}

nlohmann::json to_json(const Tally& tally) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [contender, o] : tally) {
    nlohmann::json at = nlohmann::json::array();
    for (const auto& [tick, count] : o.at) at.push_back({tick, count});
    json[contender] = {
        {"runs", o.runs},     {"fired", o.fired}, {"early", o.early},       {"spent", o.spent}, {"spentSquare", o.spent_square},
        {"excess", o.excess}, {"phi", o.phi},     {"unusable", o.unusable}, {"at", at}};
  }
  return json;
}

Tally tally_from_json(const nlohmann::json& json) {
  Tally tally;
  for (const auto& [contender, value] : json.items()) {
    Outcome& o = tally[contender];
    value.at("runs").get_to(o.runs);
    value.at("fired").get_to(o.fired);
    value.at("early").get_to(o.early);
    value.at("spent").get_to(o.spent);
    value.at("spentSquare").get_to(o.spent_square);
    value.at("excess").get_to(o.excess);
    value.at("phi").get_to(o.phi);
    value.at("unusable").get_to(o.unusable);
    for (const auto& pair : value.at("at")) o.at[pair.at(0).get<int>()] = pair.at(1).get<long>();
  }
  return tally;
}

}  // namespace sluice::bench
