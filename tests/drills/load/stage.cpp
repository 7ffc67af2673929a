#include "tests/drills/load/stage.h"

#include <sys/resource.h>

#include <algorithm>

namespace courier::drills {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using sluice::Error;
using sluice::Expected;

Expected<Port> port_of(const json& what) {
  const auto port = what.at("port").get<std::int64_t>();
  if (port < 1 || port > 65535) return sluice::fail(Error::Kind::Invalid, "port: '" + std::to_string(port) + "' is none");
  return static_cast<Port>(port);
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return of(used.ru_utime) + of(used.ru_stime);
}

}  // namespace

Expected<void> Stage::told(const std::string& line) {
  try {
    const json what = json::parse(line);
    const auto word = what.at("do").get<std::string>();
    if (word == "add" || word == "remove") {
      const auto port = port_of(what);
      if (!port) return tl::make_unexpected(port.error());
      if (word == "add") nodes_.add(*port);
      else nodes_.remove(*port);
      return {};
    }
    if (word == "load") return begin(what);
    if (word == "pace") return pace(what.at("load").get<std::string>(), what.at("factor").get<double>());
    if (word == "receiver") return behave(what.at("conduct").get<std::string>(), what.value("share", 1.0));
    if (word == "tell") {
      tell();
      return {};
    }
    return sluice::fail(Error::Kind::Invalid, "do: '" + word + "' is none of add, remove, load, pace, receiver, tell");
  } catch (const json::exception& wrong) { return sluice::fail(Error::Kind::Invalid, "'" + line.substr(0, 200) + "': " + wrong.what()); }
}

Expected<void> Stage::begin(const json& what) {
  auto plan = parse_plan(what);
  if (!plan) return tl::make_unexpected(plan.error());
  auto requests = LineFile::open(plan->requests);
  if (!requests) return tl::make_unexpected(requests.error());
  loads_.emplace_back(std::move(*plan), nodes_, ledger_, std::move(*requests));
  return {};
}

Expected<void> Stage::pace(const std::string& load, double factor) {
  const auto found = std::find_if(loads_.begin(), loads_.end(), [&load](const Load& one) { return one.name() == load; });
  if (found == loads_.end() || factor <= 0) {
    return sluice::fail(Error::Kind::Invalid, "pace: no load '" + load + "' runs, or the factor is not above 0");
  }
  found->set_factor(factor);
  return {};
}

Expected<void> Stage::behave(const std::string& conduct, double share) {
  const std::map<std::string, Conduct> names{{"ok", Conduct::Ok},
                                             {"errors", Conduct::Errors},
                                             {"silent", Conduct::Silent},
                                             {"drops", Conduct::Drops},
                                             {"repeats", Conduct::Repeats}};
  const auto found = names.find(conduct);
  if (found == names.end() || share < 0 || share > 1) {
    return sluice::fail(Error::Kind::Invalid, "receiver: conduct '" + conduct +
                                                  "' is none of ok, errors, silent, drops, repeats, or the share is not from 0 to 1");
  }
  receiver_.behave(found->second, share);
  return {};
}

void Stage::tell() {
  ledger_.flush();
  say_({{"calls", receiver_.calls()},
        {"undelivered", ledger_.undelivered()},
        {"delivered", ledger_.last()},
        {"cpu_seconds", cpu_seconds()}});
}

void Stage::work(Time now) {
  for (Load& load : loads_) load.work(now);
  nodes_.work(now);
  for (auto load = loads_.begin(); load != loads_.end();) {
    if (!load->over()) {
      ++load;
      continue;
    }
    load->flush();
    say_({{"over", load->name()}, {"behind_ms", seconds(load->behind()) * 1000}});
    load = loads_.erase(load);
  }
}

Time Stage::due(Time now) const {
  Time first = now + 1s;
  if (const auto time = nodes_.due()) first = std::min(first, *time);
  for (const Load& load : loads_) {
    if (const auto time = load.due()) first = std::min(first, *time);
  }
  return first;
}

}  // namespace courier::drills
