#include "controller/judge/trial_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace sluice::judge {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;  // to be raised with any change of the row below or of what its numbers mean

// Visits every number of the state in the order of the row. Works on const and mutable states.
template <typename S, typename F>
void each_number(S& s, F&& f) {
  const auto harm = [&](auto& p) {
    for (auto& a : p.log_a) f(a);
    f(p.ticks);
    f(p.log_e);
  };
  const auto counts = [&](auto& c) {
    f(c.total);
    f(c.bad);
  };
  harm(s.relative);
  harm(s.absolute);
  for (auto& a : s.health.log_a) f(a);
  f(s.health.log_e);
  counts(s.baseline);
  for (auto& x : s.spread.chi_square) f(x);
  for (auto& x : s.spread.freedom) f(x);
  for (auto& b : s.spread.open) {
    f(b.bad);
    f(b.expected);
    f(b.variance);
  }
  f(s.spread.ticks);
  f(s.ratio.up);
  f(s.ratio.down);
  for (auto& x : s.interval.log_likelihood) f(x);
  counts(s.canary_total);
  counts(s.baseline_total);
  counts(s.waiting_canary);
  counts(s.waiting_baseline);
  f(s.waiting_ticks);
  f(s.covered);
  f(s.silent);
}

json encoded(double value) { return value == kLogZero ? json(nullptr) : json(value); }

bool decode(const json& from, double& value) {
  if (from.is_null()) {
    value = kLogZero;
    return true;
  }
  if (!from.is_number()) return false;
  value = from.get<double>();
  return std::isfinite(value);
}

bool decode(const json& from, int& value) {
  if (!from.is_number_integer() || from.get<double>() < 0 || from.get<double>() > 2e9) return false;
  value = from.get<int>();
  return true;
}

// What every state of ours fulfils; a forged or damaged one must not lead to NaN later.
bool sane(const SloTrial& s) {
  for (double v : {s.relative.log_e, s.absolute.log_e, s.health.log_e})
    if (!std::isfinite(v)) return false;
  bool ok = s.baseline.total >= 0 && s.baseline.bad >= 0 && s.baseline.bad <= s.baseline.total * (1 + 1e-9) &&
            std::isfinite(s.baseline.total) && s.ratio.up >= 0 && s.ratio.down >= 0;
  for (double v : s.spread.chi_square) ok = ok && v >= 0;
  for (double v : s.spread.freedom) ok = ok && v >= 0;
  for (double v : s.interval.log_likelihood) ok = ok && std::isfinite(v);
  for (const Overdispersion::Block& b : s.spread.open) ok = ok && std::isfinite(b.bad) && std::isfinite(b.expected) && b.variance >= 0;
  for (const Counts& c : {s.canary_total, s.baseline_total, s.waiting_canary, s.waiting_baseline})
    ok = ok && c.total >= 0 && c.bad >= 0 && c.bad <= c.total * (1 + 1e-9);
  return ok;
}

Unexpected corrupt(const std::string& what) {
  return fail(Error::Kind::Corrupt, "judge state: " + what + ": it is damaged, start a new trial");
}

Expected<SloTrial> slo_from(const json& row, const std::string& slo) {
  SloTrial trial;
  if (!row.is_array()) return corrupt("slo " + slo + " is not a row of numbers");
  std::size_t at = 0;
  bool ok = true;
  each_number(trial, [&](auto& value) { ok = ok && at < row.size() && decode(row[at++], value); });
  if (!ok || at != row.size() || !sane(trial)) return corrupt("slo " + slo + " holds a wrong number near entry " + std::to_string(at));
  return trial;
}

}  // namespace

std::string to_json(const Trial& trial) {
  json slos = json::array();
  for (const SloTrial& slo : trial.slos) {
    json row = json::array();
    each_number(slo, [&](const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, int>) row.push_back(value);
      else row.push_back(encoded(value));
    });
    slos.push_back(std::move(row));
  }
  return json{{"version", kVersion}, {"plan", trial.plan},      {"ticks", trial.ticks},
              {"peak", encoded(trial.peak)}, {"failed", trial.failed}, {"slos", std::move(slos)}}
      .dump();
}

Expected<Trial> from_json(const TrialPlan& plan, std::string_view text) {
  if (auto ok = check(plan); !ok) return Unexpected(ok.error());
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return corrupt("not a JSON object");
  const auto field = [&](const char* key) { return root.contains(key) ? root[key] : json(); };
  if (!field("version").is_number_integer()) return corrupt("no version");
  if (root["version"] != kVersion)
    return fail(Error::Kind::Invalid, "judge state of version " + root["version"].dump() + ", this program reads " +
                                          std::to_string(kVersion) + ": start a new trial");
  Trial trial;
  if (!field("plan").is_string()) return corrupt("no plan");
  trial.plan = root["plan"].get<std::string>();
  if (!field("slos").is_array()) return corrupt("no slos");
  const json& slos = root["slos"];
  if (!decode(field("ticks"), trial.ticks) || !decode(field("peak"), trial.peak) || !field("failed").is_boolean())
    return corrupt("ticks, peak or failed is missing");
  trial.failed = root["failed"].get<bool>();
  if (trial.plan.empty() && slos.empty()) return begin(plan);
  if (trial.plan != digest(plan))
    return fail(Error::Kind::Invalid, "judge state of another plan (" + trial.plan + ", now " + digest(plan) +
                                          "): changed limits need a new trial");
  if (slos.size() != plan.slos.size()) return corrupt("as many rows as SLOs are needed");
  for (std::size_t i = 0; i < slos.size(); ++i) {
    auto slo = slo_from(slos[i], plan.slos[i].name);
    if (!slo) return Unexpected(slo.error());
    trial.slos.push_back(*slo);
  }
  return trial;
}

}  // namespace sluice::judge
