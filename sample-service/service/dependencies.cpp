#include "sample-service/service/dependencies.h"

#include <nlohmann/json.hpp>

namespace courier {

void Dependencies::define(const std::string& name, bool hard, int failures) {
  const std::lock_guard lock(mutex_);
  states_[name] = State{hard, failures};
}

void Dependencies::report(const std::string& name, const Expected<void>& found, Duration took, Time now) {
  const std::lock_guard lock(mutex_);
  State& state = states_[name];
  state.known = true;
  state.failures = found ? 0 : state.failures + 1;
  state.error = found ? "" : found.error().message;
  state.took = took;
  state.checked = now;
}

std::string Dependencies::why_unready() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, state] : states_) {
    if (state.hard && state.failures >= state.limit)
      return name + ": " + std::to_string(state.failures) + " failures in a row: " + state.error;
  }
  return "";
}

std::string Dependencies::lines() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [name, state] : states_) {
    text += (state.failures > 0 ? "[-] " : "[+] ") + name + ": ";
    if (!state.known) text += "not looked at yet";
    else if (state.failures == 0) text += "ok, " + sluice::format_duration(state.took);
    else text += state.error + " (" + std::to_string(state.failures) + " failures in a row" + (state.hard ? "" : "; soft") + ")";
    text += "\n";
  }
  return text;
}

sluice::http::Response Dependencies::answer() const {
  const std::lock_guard lock(mutex_);
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  bool fine = true;
  for (const auto& [name, state] : states_) {
    fine = fine && state.failures == 0;
    nlohmann::ordered_json item{
        {"name", name}, {"ok", state.known && state.failures == 0}, {"hard", state.hard}, {"failuresInARow", state.failures}};
    if (state.known) {
      item["seconds"] = sluice::seconds(state.took);
      item["checked"] = sluice::format_time(state.checked);
    }
    if (!state.error.empty()) item["error"] = state.error;
    items.push_back(std::move(item));
  }
  const nlohmann::ordered_json body{{"dependencies", std::move(items)}};
  return {fine ? 200 : 503,
          {{"Content-Type", "application/json"}},
          body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"};
}

}  // namespace courier
