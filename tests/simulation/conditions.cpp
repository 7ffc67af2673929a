#include "tests/simulation/conditions.h"

#include <algorithm>

namespace sluice::simulation {

namespace {
void put(Json& status, const Condition& condition, Time now) {
  const std::string time = format_time(std::chrono::floor<std::chrono::seconds>(now));
  std::string since = time;
  if (const Json* old = find_condition(status, condition.type); old && text(*old, {"status"}) == condition.status) {
    since = text(*old, {"lastTransitionTime"}, time);
  }
  remove_condition(status, condition.type);
  status["conditions"].push_back({{"type", condition.type},
                                  {"status", condition.status},
                                  {"reason", condition.reason},
                                  {"message", condition.message},
                                  {"lastTransitionTime", since},
                                  {"lastUpdateTime", time}});
}
}  // namespace

const Json* find_condition(const Json& status, const std::string& type) {
  const Json& conditions = at(status, {"conditions"});
  if (!conditions.is_array()) return nullptr;
  for (const auto& condition : conditions) {
    if (text(condition, {"type"}) == type) return &condition;
  }
  return nullptr;
}

void set_condition(Json& status, const Condition& condition, Time now) {
  const Json* old = find_condition(status, condition.type);
  if (old && text(*old, {"status"}) == condition.status && text(*old, {"reason"}) == condition.reason) return;
  put(status, condition, now);
}

void refresh_condition(Json& status, const Condition& condition, Time now) { put(status, condition, now); }

void remove_condition(Json& status, const std::string& type) {
  const auto conditions = status.find("conditions");
  if (conditions == status.end() || !conditions->is_array()) return;
  conditions->erase(std::remove_if(conditions->begin(), conditions->end(), [&](const Json& c) { return text(c, {"type"}) == type; }),
                    conditions->end());
  if (conditions->empty()) status.erase(conditions);
}

}  // namespace sluice::simulation
