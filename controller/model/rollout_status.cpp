#include "controller/model/rollout_status.h"

#include <array>
#include <utility>

#include "controller/model/read.h"

namespace sluice::model {
namespace {

template <typename E, std::size_t N>
using Names = std::array<std::pair<E, const char*>, N>;

constexpr Names<Phase, 10> kPhases{{{Phase::Initializing, "Initializing"},
                                    {Phase::Healthy, "Healthy"},
                                    {Phase::Progressing, "Progressing"},
                                    {Phase::AwaitingApproval, "AwaitingApproval"},
                                    {Phase::Holding, "Holding"},
                                    {Phase::Promoting, "Promoting"},
                                    {Phase::RollingBack, "RollingBack"},
                                    {Phase::RolledBack, "RolledBack"},
                                    {Phase::Paused, "Paused"},
                                    {Phase::Invalid, "Invalid"}}};
constexpr Names<Stage, 10> kStages{{{Stage::Pinning, "Pinning"},
                                    {Stage::Creating, "Creating"},
                                    {Stage::Joining, "Joining"},
                                    {Stage::Stepping, "Stepping"},
                                    {Stage::Filling, "Filling"},
                                    {Stage::Switching, "Switching"},
                                    {Stage::Draining, "Draining"},
                                    {Stage::Moving, "Moving"},
                                    {Stage::Releasing, "Releasing"},
                                    {Stage::Retreating, "Retreating"}}};
constexpr Names<Outcome, 7> kOutcomes{{{Outcome::Promoted, "Promoted"},
                                       {Outcome::RolledBack, "RolledBack"},
                                       {Outcome::Aborted, "Aborted"},
                                       {Outcome::Cancelled, "Cancelled"},
                                       {Outcome::Superseded, "Superseded"},
                                       {Outcome::Restarted, "Restarted"},
                                       {Outcome::Left, "Left"}}};

template <typename E, std::size_t N>
const char* name_of(const Names<E, N>& names, E value) {
  for (const auto& [known, text] : names)
    if (known == value) return text;
  return "";
}

template <typename E, std::size_t N>
std::optional<E> named(const Names<E, N>& names, const std::string& text) {
  for (const auto& [known, name] : names)
    if (name == text) return known;
  return std::nullopt;
}

void put(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}
void put(Json& json, const char* key, const std::optional<Time>& value) {
  if (value) json[key] = format_time(*value);
}
void put(Json& json, const char* key, std::int64_t value) {
  if (value != 0) json[key] = value;
}

std::optional<Time> time_at(const Json& json, const char* key) {
  const auto time = parse_time(read::text(json, {key}));
  return time ? std::optional<Time>(*time) : std::nullopt;
}

int int_at(const Json& json, std::initializer_list<const char*> path) { return static_cast<int>(read::integer(json, path)); }

Json to_json(const SloStatus& slo) {
  return {{"name", slo.name},
          {"verdict", slo.verdict},
          {"canary", slo.canary},
          {"baseline", slo.baseline},
          {"limit", slo.limit},
          {"estimate", slo.estimate},
          {"evidence", slo.evidence},
          {"canaryRequests", slo.canary_requests},
          {"baselineRequests", slo.baseline_requests},
          {"message", slo.message}};
}

SloStatus parse_slo(const Json& json) {
  SloStatus slo;
  slo.name = read::text(json, {"name"});
  slo.verdict = read::text(json, {"verdict"});
  slo.canary = read::number(json, {"canary"});
  slo.baseline = read::number(json, {"baseline"});
  slo.limit = read::number(json, {"limit"});
  slo.estimate = read::number(json, {"estimate"});
  slo.evidence = read::number(json, {"evidence"});
  slo.canary_requests = read::number(json, {"canaryRequests"});
  slo.baseline_requests = read::number(json, {"baselineRequests"});
  slo.message = read::text(json, {"message"});
  return slo;
}

Json to_json(const Run& run) {
  Json json{{"id", "r" + std::to_string(run.revision)},
            {"revision", run.revision},
            {"templateDigest", run.template_digest},
            {"planDigest", run.plan_digest},
            {"stage", text(run.stage)},
            {"weight", {{"desired", run.weight}, {"observed", run.weight_observed}}},
            {"canary", {{"desired", run.canary_desired}, {"ready", run.canary_ready}, {"reached", run.canary_reached}}},
            {"startedAt", format_time(run.started)}};
  put(json, "part", run.part);
  put(json, "step", run.step);
  put(json, "maxWeight", run.max_weight);
  put(json, "stableReplicaSet", run.stable);
  put(json, "stableHash", run.stable_hash);
  put(json, "canaryReplicaSet", run.canary);
  put(json, "service", run.service);
  put(json, "httpRoute", run.route);
  if (run.borrowed) json["borrowed"] = true;
  if (run.promote) json["promote"] = true;
  put(json, "stepStartedAt", run.step_started);
  put(json, "holdUntil", run.hold_until);
  put(json, "settleUntil", run.settle_until);
  put(json, "progressDeadline", run.progress_deadline);
  put(json, "repairedAt", run.repaired);
  put(json, "judgedUntil", run.tick_from);
  put(json, "triedUntil", run.tick_tried);
  put(json, "noDataSince", run.no_data_since);
  put(json, "scrapeMs", run.spacing.count());
  put(json, "missing", run.missing);
  if (run.no_data_told) json["noDataTold"] = true;
  if (run.inconclusive) json["inconclusive"] = true;
  put(json, "judgedMs", run.judged.count());
  put(json, "bakedMs", run.baked.count());
  put(json, "bakedTicks", run.baked_ticks);
  put(json, "judgeState", run.judge);
  put(json, "shareState", run.share);
  put(json, "shareMismatch", run.share_mismatch);
  for (const SloStatus& slo : run.slos) json["slos"].push_back(to_json(slo));
  if (run.outcome) json["outcome"] = text(*run.outcome);
  put(json, "why", run.why);
  return json;
}

Run parse_run(const Json& json) {
  Run run;
  run.revision = read::integer(json, {"revision"});
  run.template_digest = read::text(json, {"templateDigest"});
  run.plan_digest = read::text(json, {"planDigest"});
  run.stable = read::text(json, {"stableReplicaSet"});
  run.stable_hash = read::text(json, {"stableHash"});
  run.canary = read::text(json, {"canaryReplicaSet"});
  run.service = read::text(json, {"service"});
  run.route = read::text(json, {"httpRoute"});
  run.borrowed = read::boolean(json, {"borrowed"});
  run.promote = read::boolean(json, {"promote"});
  run.part = int_at(json, {"part"});
  run.step = int_at(json, {"step"});
  run.weight = int_at(json, {"weight", "desired"});
  run.weight_observed = int_at(json, {"weight", "observed"});
  run.max_weight = int_at(json, {"maxWeight"});
  run.canary_desired = int_at(json, {"canary", "desired"});
  run.canary_ready = int_at(json, {"canary", "ready"});
  run.canary_reached = int_at(json, {"canary", "reached"});
  run.started = time_at(json, "startedAt").value_or(Time{});
  run.step_started = time_at(json, "stepStartedAt");
  run.hold_until = time_at(json, "holdUntil");
  run.settle_until = time_at(json, "settleUntil");
  run.progress_deadline = time_at(json, "progressDeadline");
  run.repaired = time_at(json, "repairedAt");
  run.tick_from = time_at(json, "judgedUntil");
  run.tick_tried = time_at(json, "triedUntil");
  run.no_data_since = time_at(json, "noDataSince");
  run.spacing = Duration(read::integer(json, {"scrapeMs"}));
  run.missing = read::text(json, {"missing"});
  run.no_data_told = read::boolean(json, {"noDataTold"});
  run.inconclusive = read::boolean(json, {"inconclusive"});
  run.judged = Duration(read::integer(json, {"judgedMs"}));
  run.baked = Duration(read::integer(json, {"bakedMs"}));
  run.baked_ticks = int_at(json, {"bakedTicks"});
  run.judge = read::text(json, {"judgeState"});
  run.share = read::text(json, {"shareState"});
  run.share_mismatch = read::text(json, {"shareMismatch"});
  for (const Json& slo : read::array(json, {"slos"})) run.slos.push_back(parse_slo(slo));
  run.outcome = named(kOutcomes, read::text(json, {"outcome"}));
  run.why = read::text(json, {"why"});
  const auto stage = parse_stage(read::text(json, {"stage"}));
  if (stage && !run.template_digest.empty()) {
    run.stage = *stage;
  } else {
    run.stage = Stage::Retreating;
    run.part = 0;
    run.outcome = Outcome::Restarted;
    run.why = "the run's status could not be read, so it is taken back and started anew";
  }
  return run;
}

}  // namespace

const char* text(Phase phase) { return name_of(kPhases, phase); }
const char* text(Stage stage) { return name_of(kStages, stage); }
const char* text(Outcome outcome) { return name_of(kOutcomes, outcome); }
std::optional<Stage> parse_stage(const std::string& name) { return named(kStages, name); }
std::optional<Outcome> parse_outcome(const std::string& name) { return named(kOutcomes, name); }

const Condition* RolloutStatus::condition(const std::string& type) const {
  for (const Condition& condition : conditions)
    if (condition.type == type) return &condition;
  return nullptr;
}

Json to_json(const RolloutStatus& status) {
  Json json{{"observedGeneration", status.observed_generation}, {"phase", text(status.phase)}, {"summary", status.summary}};
  put(json, "targetGeneration", status.target_generation);
  put(json, "nextAction", status.next_action);
  json["columns"] = {{"step", status.step_text}, {"weight", status.weight_text}, {"slo", status.slo_text}};
  put(json, "stableReplicaSet", status.stable_replica_set);
  put(json, "revision", status.revision);
  put(json, "refusedDigest", status.refused_digest);
  put(json, "refusedWhy", status.refused_why);
  put(json, "lastAction", status.last_action);
  if (!status.warnings.empty()) json["warnings"] = status.warnings;
  if (status.run) json["run"] = to_json(*status.run);
  for (const HistoryEntry& entry : status.history) {
    json["history"].push_back({{"revision", entry.revision},
                               {"outcome", entry.outcome},
                               {"why", entry.why},
                               {"startedAt", format_time(entry.started)},
                               {"endedAt", format_time(entry.ended)},
                               {"maxWeight", entry.max_weight},
                               {"excessFailures", entry.excess_failures}});
    if (!entry.breach.empty()) json["history"].back()["breach"] = entry.breach;
  }
  for (const Condition& condition : status.conditions) {
    json["conditions"].push_back(
        {{"type", condition.type},
         {"status", condition.status},
         {"reason", condition.reason},
         {"message", condition.message},
         {"observedGeneration", condition.observed_generation},
         {"lastTransitionTime", format_time(std::chrono::floor<std::chrono::seconds>(condition.last_transition))}});
  }
  return json;
}

RolloutStatus parse_rollout_status(const Json& json) {
  RolloutStatus status;
  status.observed_generation = read::integer(json, {"observedGeneration"});
  status.target_generation = read::integer(json, {"targetGeneration"});
  status.phase = named(kPhases, read::text(json, {"phase"})).value_or(Phase::Initializing);
  status.summary = read::text(json, {"summary"});
  status.next_action = read::text(json, {"nextAction"});
  status.step_text = read::text(json, {"columns", "step"});
  status.weight_text = read::text(json, {"columns", "weight"});
  status.slo_text = read::text(json, {"columns", "slo"});
  status.stable_replica_set = read::text(json, {"stableReplicaSet"});
  status.revision = read::integer(json, {"revision"});
  status.refused_digest = read::text(json, {"refusedDigest"});
  status.refused_why = read::text(json, {"refusedWhy"});
  status.last_action = read::text(json, {"lastAction"});
  for (const Json& warning : read::array(json, {"warnings"}))
    if (warning.is_string()) status.warnings.push_back(warning.get<std::string>());
  if (const Json& run = read::at(json, {"run"}); run.is_object()) status.run = parse_run(run);
  for (const Json& entry : read::array(json, {"history"})) {
    status.history.push_back({read::integer(entry, {"revision"}), read::text(entry, {"outcome"}), read::text(entry, {"why"}),
                              time_at(entry, "startedAt").value_or(Time{}), time_at(entry, "endedAt").value_or(Time{}),
                              int_at(entry, {"maxWeight"}), read::number(entry, {"excessFailures"}), read::text(entry, {"breach"})});
  }
  for (const Json& condition : read::array(json, {"conditions"})) {
    status.conditions.push_back({read::text(condition, {"type"}), read::text(condition, {"status"}), read::text(condition, {"reason"}),
                                 read::text(condition, {"message"}), read::integer(condition, {"observedGeneration"}),
                                 time_at(condition, "lastTransitionTime").value_or(Time{})});
  }
  return status;
}

}  // namespace sluice::model
