#include "controller/judge/trial_json.h"

#include <cmath>
#include <utility>

#include "controller/judge/state_rows.h"

namespace sluice::judge {
namespace {

using nlohmann::json;

// To be raised with any change of the rows below or of what their numbers mean. Versions 1 and 2 bet with another prior
// (e_process.h): their wealth per effect says nothing about today's effects. Version 3 did not set unusual ticks of the baseline aside.
// They are refused, and the run begins anew.
constexpr int kVersion = 4;

using rows::decode;
using rows::each_of;
using rows::encoded;
using rows::finite;
using rows::harm_row;
using rows::read_row;
using rows::row_of;

template <typename Q, typename F>
void question_row(Q& q, F&& f) {
  harm_row(q.relative, f);
  for (auto& a : q.health.log_a) f(a);
  each_of(f, q.health.log_e, q.baseline.total, q.baseline.bad, q.baseline.aside_total, q.baseline.aside_bad, q.baseline.aside);
  rows::spread_row(q.spread, f);
  each_of(f, q.ratio.up, q.ratio.down, q.canary_bad, q.baseline_bad, q.waiting_canary, q.waiting_baseline);
}

template <typename S, typename F>
void count_row(S& s, F&& f) {
  each_of(f, s.canary_requests, s.baseline_requests, s.waiting_canary, s.waiting_baseline, s.widened, s.waiting_ticks, s.covered, s.silent);
}

template <typename G, typename F>
void gauge_row(G& g, F&& f) {
  each_of(f, g.harm.sum, g.harm.squares, g.harm.log_e, g.health.sum, g.health.squares, g.health.log_e, g.block_harm, g.block_health, g.last,
          g.steps, g.block_ticks, g.blocks, g.canary_mean, g.baseline_mean);
}

template <typename P, typename F>
void pod_row(P& p, F&& f) {
  for (auto& place : p.places) each_of(f, place.pod, place.bad);
  each_of(f, p.bad, p.pods);
}

bool part_of(double bad, double total) { return bad >= 0 && total >= 0 && bad <= total * (1 + 1e-9) && std::isfinite(total); }

// What every state of ours fulfils; a forged or damaged one must not lead to NaN later.
bool sane(const Question& q) {
  return finite({q.relative.log_e, q.health.log_e}) && part_of(q.baseline.bad, q.baseline.total) &&
         part_of(q.baseline.aside_bad, q.baseline.aside_total) && rows::sane(q.spread) && q.ratio.up >= 0 && q.ratio.down >= 0 &&
         q.waiting_canary >= 0 && q.waiting_baseline >= 0;
}

bool sane(const SloTrial& s) {
  bool ok = finite({s.absolute.log_e}) && s.widened >= 0;
  for (const Question& q : s.questions)
    ok = ok && sane(q) && part_of(q.canary_bad, s.canary_requests) && part_of(q.baseline_bad, s.baseline_requests) &&
         part_of(q.waiting_canary, s.waiting_canary) && part_of(q.waiting_baseline, s.waiting_baseline);
  for (double v : s.interval.log_likelihood) ok = ok && std::isfinite(v);
  const GaugeTrial& g = s.gauge;
  ok = ok &&
       finite({g.harm.sum, g.harm.log_e, g.health.sum, g.health.log_e, g.block_harm, g.block_health, g.last, g.canary_mean,
               g.baseline_mean}) &&
       g.harm.squares >= 0 && g.health.squares >= 0 && g.steps >= 0;
  for (const SymmetricProcess* p : {&g.harm, &g.health}) ok = ok && std::abs(p->sum) < 1e15 && p->squares < 1e15;
  for (const PodBad& pod : s.pods.places) ok = ok && pod.bad >= 0;
  return ok && s.pods.bad >= 0;
}

Unexpected corrupt(const std::string& what) {
  return fail(Error::Kind::Corrupt, "judge state: " + what + ": it is damaged, start a new trial");
}

// What is as it was at the start is left out.
json slo_json(const SloTrial& s) {
  static const SloTrial kFresh;
  json questions = json::array();
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.asked); ++i)
    questions.push_back(row_of([&](auto&& f) { question_row(s.questions[i], f); }));
  json slo{{"questions", std::move(questions)}, {"counts", row_of([&](auto&& f) { count_row(s, f); })}};
  if (s.absolute != kFresh.absolute) slo["absolute"] = row_of([&](auto&& f) { harm_row(s.absolute, f); });
  if (s.interval != kFresh.interval)
    slo["interval"] = row_of([&](auto&& f) {
      for (double x : s.interval.log_likelihood) f(x);
    });
  if (s.gauge != kFresh.gauge) slo["gauge"] = row_of([&](auto&& f) { gauge_row(s.gauge, f); });
  if (s.pods != kFresh.pods) slo["pods"] = row_of([&](auto&& f) { pod_row(s.pods, f); });
  return slo;
}

// Empty if read, otherwise the part that is wrong.
std::string read_slo(const json& from, int questions, SloTrial& s) {
  if (!from.is_object() || !from.contains("questions") || !from.contains("counts")) return "questions or counts";
  for (const auto& [key, row] : from.items()) {
    bool ok = false;
    if (key == "questions") {
      ok = row.is_array() && row.size() == static_cast<std::size_t>(questions);
      for (std::size_t i = 0; ok && i < row.size(); ++i) ok = read_row(row[i], [&](auto&& f) { question_row(s.questions[i], f); });
    } else if (key == "counts") {
      ok = read_row(row, [&](auto&& f) { count_row(s, f); });
    } else if (key == "absolute") {
      ok = read_row(row, [&](auto&& f) { harm_row(s.absolute, f); });
    } else if (key == "interval") {
      ok = read_row(row, [&](auto&& f) {
        for (double& x : s.interval.log_likelihood) f(x);
      });
    } else if (key == "gauge") {
      ok = read_row(row, [&](auto&& f) { gauge_row(s.gauge, f); });
    } else if (key == "pods") {
      ok = read_row(row, [&](auto&& f) { pod_row(s.pods, f); });
    }
    if (!ok) return key;
  }
  return sane(s) ? "" : "its numbers";
}

}  // namespace

std::string to_json(const Trial& trial) {
  json slos = json::array();
  for (const SloTrial& slo : trial.slos) slos.push_back(slo_json(slo));
  return json{{"version", kVersion},    {"plan", trial.plan}, {"ticks", trial.ticks},   {"peak", encoded(trial.peak)},
              {"failed", trial.failed}, {"held", trial.held}, {"slos", std::move(slos)}}
      .dump();
}

Expected<Trial> from_json(const Rules& rules, std::string_view text) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return corrupt("not a JSON object");
  const auto field = [&](const char* key) { return root.contains(key) ? root[key] : json(); };
  if (!field("version").is_number_integer()) return corrupt("no version");
  if (root["version"] != kVersion)
    return fail(Error::Kind::Invalid, "judge state of version " + root["version"].dump() + ", this program reads version " +
                                          std::to_string(kVersion) + ": start a new trial");
  Trial trial;
  if (!field("plan").is_string()) return corrupt("no plan");
  trial.plan = root["plan"].get<std::string>();
  if (!field("slos").is_array()) return corrupt("no slos");
  const json& slos = root["slos"];
  if (!decode(field("ticks"), trial.ticks) || !decode(field("peak"), trial.peak) || !field("failed").is_boolean())
    return corrupt("ticks, peak or failed is missing");
  trial.failed = root["failed"].get<bool>();
  if (!field("held").is_boolean()) return corrupt("held is missing");
  trial.held = root["held"].get<bool>();
  if (trial.plan.empty() && slos.empty()) return begin(rules);
  if (trial.plan != rules.digest())
    return fail(Error::Kind::Invalid,
                "judge state of another plan (" + trial.plan + ", now " + rules.digest() + "): changed limits need a new trial");
  if (slos.size() != rules.slos().size()) return corrupt("as many rows as SLOs are needed");
  trial.slos.resize(slos.size());
  for (std::size_t i = 0; i < slos.size(); ++i) {
    SloTrial& slo = trial.slos[i];
    slo.asked = rules.slos()[i].questions;
    const std::string of = "slo " + rules.plan().slos[i].name;
    if (const std::string part = read_slo(slos[i], rules.slos()[i].questions, slo); !part.empty())
      return corrupt(of + ": " + part + " cannot be read");
  }
  return trial;
}

Expected<Trial> from_json(const TrialPlan& plan, std::string_view text) {
  const auto rules = Rules::of(plan);
  if (!rules) return Unexpected(rules.error());
  return from_json(*rules, text);
}

}  // namespace sluice::judge
