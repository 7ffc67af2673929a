#include "controller/model/rollout.h"

#include <algorithm>
#include <set>

#include "common/core/digest.h"
#include "common/core/percent.h"
#include "controller/model/marks.h"
#include "controller/model/read.h"

namespace sluice::model {
namespace {

// Reads fields and remembers the first thing that is wrong, with its path.
class Reader {
 public:
  explicit Reader(std::string& invalid) : invalid_(invalid) {}

  void wrong(const std::string& field, const std::string& what) {
    if (invalid_.empty()) invalid_ = "spec." + field + ": " + what;
  }

  Duration duration(const Json& json, std::initializer_list<const char*> path, const std::string& field, Duration otherwise) {
    const Json& value = read::at(json, path);
    if (value.is_null()) return otherwise;
    const auto parsed = parse_duration(value.is_string() ? value.get<std::string>() : value.dump());
    if (parsed) return *parsed;
    wrong(field, parsed.error().message);
    return otherwise;
  }

  double percent(const Json& json, std::initializer_list<const char*> path, const std::string& field, double otherwise) {
    const Json& value = read::at(json, path);
    if (value.is_null()) return otherwise;
    const auto parsed = parse_percent(value.is_string() ? value.get<std::string>() : value.dump());
    if (parsed) return *parsed;
    wrong(field, parsed.error().message);
    return otherwise;
  }

 private:
  std::string& invalid_;
};

std::string number_or_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_integer() ? value.dump() : "";
}

std::vector<Step> read_steps(const Json& spec, bool ratio, Reader& reader) {
  std::vector<Step> steps;
  for (const Json& entry : read::array(spec, {"steps"})) {
    const std::string field = "steps[" + std::to_string(steps.size()) + "]";
    Step step;
    step.weight = static_cast<int>(read::integer(entry, {"weight"}, -1));
    step.hold = reader.duration(entry, {"hold"}, field + ".hold", step.hold);
    step.replicas = number_or_text(read::at(entry, {"replicas"}));
    if (step.weight < 0 || step.weight > 100) reader.wrong(field + ".weight", "must be a whole number from 0 to 100");
    else if (!steps.empty() && step.weight <= steps.back().weight)
      reader.wrong(field + ".weight", "is " + std::to_string(step.weight) +
                                          ", but weights must rise from step to step: the one before is " +
                                          std::to_string(steps.back().weight));
    if (ratio && step.weight > 50)
      reader.wrong(field + ".weight", "is " + std::to_string(step.weight) +
                                          ", but without traffic.httpRoute the share comes from replica counts and may be at most 50");
    if (ratio && !step.replicas.empty())
      reader.wrong(field + ".replicas", "has no meaning without traffic.httpRoute: the weight decides the replicas");
    if (!step.replicas.empty() && !scaled_count(step.replicas, 100))
      reader.wrong(field + ".replicas", scaled_count(step.replicas, 100).error().message);
    steps.push_back(std::move(step));
  }
  if (steps.empty()) {
    for (const int weight : ratio ? std::vector<int>{25, 50} : std::vector<int>{5, 25, 50}) {
      Step step;
      step.weight = weight;
      steps.push_back(step);
    }
  }
  if (steps.size() == 1 && steps.front().weight == 100)
    reader.wrong("steps", "a step of weight 100 has no baseline beside it: put at least one step below 100 before it");
  return steps;
}

Slo read_slo(const Json& entry, const std::string& field, Reader& reader) {
  Slo slo;
  const Json& error_rate = read::at(entry, {"errorRate"});
  const Json& latency = read::at(entry, {"latency"});
  if (error_rate.is_object() == latency.is_object()) reader.wrong(field, "must have exactly one of errorRate and latency");
  slo.kind = latency.is_object() ? Slo::Kind::Latency : Slo::Kind::ErrorRate;
  const bool is_latency = slo.kind == Slo::Kind::Latency;
  const Json& body = is_latency ? latency : error_rate;
  const std::string inside = field + (is_latency ? ".latency" : ".errorRate");
  slo.name = read::text(entry, {"name"}, is_latency ? "latency" : "errors");
  slo.total = read::text(body, {"total"}, "http_request_duration_seconds_count");
  slo.errors = read::text(body, {"errors"}, "http_request_duration_seconds_count{status=~\"5..\"}");
  slo.relative = reader.percent(body, {"tolerance", "relative"}, inside + ".tolerance.relative", slo.relative);
  slo.absolute = reader.percent(body, {"tolerance", "absolute"}, inside + ".tolerance.absolute", slo.absolute);
  slo.histogram = read::text(body, {"histogram"}, "http_request_duration_seconds");
  if (is_latency) {
    slo.threshold = reader.duration(body, {"threshold"}, inside + ".threshold", Duration(0));
    if (slo.threshold <= Duration(0)) reader.wrong(inside + ".threshold", "must be a duration above 0, such as 250ms");
  }
  if (!read::at(body, {"objective"}).is_null()) {
    const double objective = reader.percent(body, {"objective"}, inside + ".objective", 0.999);
    if (objective <= 0 || objective >= 1) reader.wrong(inside + ".objective", "must lie between 0% and 100%, such as 99.9%");
    slo.objective = objective;
  }
  return slo;
}

Analysis read_analysis(const Json& json, Reader& reader) {
  Analysis a;
  a.address = read::text(json, {"prometheus", "address"});
  a.selector = read::text(json, {"prometheus", "selector"}, "namespace=\"{{namespace}}\",pod=~\"{{replicaSet}}-[a-z0-9]{5}\"");
  a.interval = reader.duration(json, {"interval"}, "analysis.interval", a.interval);
  a.warmup = reader.duration(json, {"warmup"}, "analysis.warmup", a.warmup);
  a.false_rollback = reader.percent(json, {"falseRollback"}, "analysis.falseRollback", a.false_rollback);
  a.false_promotion = reader.percent(json, {"falsePromotion"}, "analysis.falsePromotion", a.false_promotion);
  a.min_requests = read::number(json, {"minRequests"}, a.min_requests);
  a.min_bake = reader.duration(json, {"minBake"}, "analysis.minBake", a.min_bake);
  a.margin = reader.percent(json, {"margin"}, "analysis.margin", a.margin);
  a.burn = read::number(json, {"burn"}, a.burn);
  a.no_data_timeout = reader.duration(json, {"noDataTimeout"}, "analysis.noDataTimeout", a.no_data_timeout);
  a.max_duration = reader.duration(json, {"maxDuration"}, "analysis.maxDuration", a.max_duration);
  const std::string no_data = read::text(json, {"onNoData"}, "Hold");
  if (no_data == "Rollback") a.on_no_data = OnNoData::Rollback;
  else if (no_data != "Hold") reader.wrong("analysis.onNoData", "is \"" + no_data + "\": write Hold or Rollback");
  const std::string inconclusive = read::text(json, {"onInconclusive"}, "Pause");
  if (inconclusive == "Rollback") a.on_inconclusive = OnInconclusive::Rollback;
  else if (inconclusive == "Promote") a.on_inconclusive = OnInconclusive::Promote;
  else if (inconclusive != "Pause")
    reader.wrong("analysis.onInconclusive", "is \"" + inconclusive + "\": write Pause, Promote or Rollback");
  const std::string mismatch = read::text(json, {"onShareMismatch"}, "Hold");
  if (mismatch == "Report") a.on_share_mismatch = OnShareMismatch::Report;
  else if (mismatch != "Hold") reader.wrong("analysis.onShareMismatch", "is \"" + mismatch + "\": write Hold or Report");
  std::set<std::string> names;
  for (const Json& entry : read::array(json, {"slos"})) {
    const std::string field = "analysis.slos[" + std::to_string(a.slos.size()) + "]";
    a.slos.push_back(read_slo(entry, field, reader));
    if (!names.insert(a.slos.back().name).second)
      reader.wrong(field + ".name", "\"" + a.slos.back().name + "\" is used twice: give each SLO a name of its own");
  }
  a.max_restarts = static_cast<int>(read::integer(json, {"pods", "maxRestarts"}, a.max_restarts));
  if (const std::string unready = number_or_text(read::at(json, {"pods", "maxUnready"})); !unready.empty()) a.max_unready = unready;
  if (const auto unready = scaled_count(a.max_unready, 100); !unready) reader.wrong("analysis.pods.maxUnready", unready.error().message);
  if (a.interval < Duration(1000)) reader.wrong("analysis.interval", "is " + format_duration(a.interval) + ": at least 1s");
  if (a.false_rollback <= 0 || a.false_rollback > 0.5) reader.wrong("analysis.falseRollback", "must be above 0% and at most 50%");
  if (a.false_promotion <= 0 || a.false_promotion > 0.5) reader.wrong("analysis.falsePromotion", "must be above 0% and at most 50%");
  return a;
}

}  // namespace

bool Rollout::has_finalizer() const {
  return std::find(meta.finalizers.begin(), meta.finalizers.end(), marks::kFinalizer) != meta.finalizers.end();
}

Rollout parse_rollout(const Json& object) {
  Rollout r;
  Reader reader(r.invalid);
  r.meta = kube::parse_meta(object);
  const Json& spec = read::at(object, {"spec"});
  r.target = read::text(spec, {"targetRef", "name"});
  if (r.target.empty()) reader.wrong("targetRef.name", "is missing: name a Deployment in the same namespace");
  const std::string kind = read::text(spec, {"targetRef", "kind"}, "Deployment");
  if (kind != "Deployment") reader.wrong("targetRef.kind", "is \"" + kind + "\": only Deployment is supported");
  r.paused = read::boolean(spec, {"paused"});
  r.service = read::text(spec, {"traffic", "service"}, r.target);
  r.route = read::text(spec, {"traffic", "httpRoute", "name"});
  for (const Json& rule : read::array(spec, {"traffic", "httpRoute", "rules"}))
    if (rule.is_string()) r.rules.push_back(rule.get<std::string>());
  r.steps = read_steps(spec, r.ratio_mode(), reader);
  r.analysis = read_analysis(read::at(spec, {"analysis"}), reader);
  const std::string capacity = read::text(spec, {"promotion", "capacity"}, "Full");
  r.rolling_capacity = capacity == "Rolling";
  if (capacity != "Full" && capacity != "Rolling") reader.wrong("promotion.capacity", "is \"" + capacity + "\": write Full or Rolling");
  r.progress_deadline = reader.duration(spec, {"progressDeadline"}, "progressDeadline", r.progress_deadline);
  r.settle = reader.duration(spec, {"settle"}, "settle", r.settle);
  r.history_limit = static_cast<int>(std::clamp<std::int64_t>(read::integer(spec, {"historyLimit"}, 10), 1, 100));
  const Json plan{read::at(spec, {"traffic"}), read::at(spec, {"steps"}), read::at(spec, {"analysis"})};
  r.plan_digest = sha256_hex(plan.dump(-1, ' ', false, Json::error_handler_t::replace)).substr(0, 16);
  r.status = parse_rollout_status(read::at(object, {"status"}));
  return r;
}

}  // namespace sluice::model
