#include "tests/drills/load/plan.h"

namespace courier::drills {
namespace {

bool share(double value) { return value >= 0 && value <= 1; }

}  // namespace

sluice::Expected<Plan> parse_plan(const nlohmann::json& text) {
  Plan plan;
  try {
    plan.name = text.at("name").get<std::string>();
    plan.begin = Time(nanoseconds(text.at("begin").get<double>()));
    plan.rate = text.at("rate").get<double>();
    plan.length = nanoseconds(text.at("seconds").get<double>());
    plan.writes = text.at("writes").get<double>();
    plan.reads_messages = text.at("reads").get<std::string>() == "messages";
    plan.deadline = nanoseconds(text.at("deadline").get<double>() / 1000);
    plan.tries = text.at("tries").get<unsigned>();
    plan.budgeted = text.at("budgeted").get<bool>();
    plan.repeats = text.at("repeats").get<double>();
    plan.elsewhere = text.at("elsewhere").get<double>();
    plan.elsewhere_url = text.value("elsewhere_url", "");
    plan.token = text.value("token", "");
    plan.requests = text.at("requests").get<std::string>();
  } catch (const nlohmann::json::exception& wrong) {
    return sluice::fail(sluice::Error::Kind::Invalid, std::string("load: ") + wrong.what());
  }
  const bool bounded = plan.rate > 0 && plan.rate <= 100'000 && plan.length > Nanoseconds(0) && plan.length <= nanoseconds(3600) &&
                       plan.deadline > Nanoseconds(0) && plan.tries >= 1 && plan.tries <= 10;
  if (!bounded || !share(plan.writes) || !share(plan.repeats) || !share(plan.elsewhere)) {
    return sluice::fail(sluice::Error::Kind::Invalid,
                        "load '" + plan.name +
                            "': rate is up to 100000 a second, seconds up to 3600, deadline above 0 ms, tries 1 to 10, and writes, repeats "
                            "and elsewhere are shares from 0 to 1");
  }
  return plan;
}

}  // namespace courier::drills
