#include "tests/scenarios/stage.h"

#include <cmath>

#include "controller/model/marks.h"
#include "controller/model/read.h"
#include "controller/traffic/route.h"

namespace sluice::scenarios {

namespace resources = kube::resources;
namespace marks = model::marks;
namespace read = model::read;

namespace {

constexpr Duration kInterval{5'000};

// Samples of the simulated Prometheus, at once.
class SimulatedAnalysis final : public op::Analysis {
 public:
  SimulatedAnalysis(Cluster& cluster, const double& past_the_gateway, std::function<void(const kube::Name&)> ready)
      : cluster_(cluster), past_the_gateway_(past_the_gateway), ready_(std::move(ready)) {}

  void want(const kube::Name& rollout, const model::Rollout& spec, const engine::SampleWish& wish) override {
    engine::Sample sample;
    sample.revision = wish.revision;
    sample.from = wish.from;
    sample.to = wish.to;
    sample.spacing = Duration(1000);
    const auto canary = cluster_.increments(spec.meta.ns, wish.canary, wish.from, wish.to);
    const auto stable = cluster_.increments(spec.meta.ns, wish.stable, wish.from, wish.to);
    const bool answered = canary && stable;
    if (!answered) sample.missing = "Prometheus: " + (canary ? stable : canary).error().message;
    else if (!canary->present || std::isnan(canary->total) || std::isnan(stable->total)) sample.missing = "no series match for the canary";
    for (const model::Slo& slo : spec.analysis.slos) {
      judge::SloTick tick;
      tick.present = sample.missing.empty();
      if (tick.present) {
        const bool latency = slo.kind == model::Slo::Kind::Latency;
        tick.canary = {canary->total, latency ? canary->slow : canary->errors};
        const double past = std::round(past_the_gateway_ * seconds(wish.to - wish.from));
        tick.baseline = {stable->total + past, latency ? stable->slow : stable->errors};
      }
      sample.slos.push_back(tick);
    }
    samples_[rollout] = sample;
    ready_(rollout);
  }
  std::optional<engine::Sample> look(const kube::Name& rollout) const override {
    const auto found = samples_.find(rollout);
    return found == samples_.end() ? std::nullopt : std::optional<engine::Sample>(found->second);
  }
  void drop(const kube::Name& rollout) override { samples_.erase(rollout); }

 private:
  Cluster& cluster_;
  const double& past_the_gateway_;  // requests per second
  std::function<void(const kube::Name&)> ready_;
  std::map<kube::Name, engine::Sample> samples_;
};

class Listener final : public op::EventSink {
 public:
  Listener(std::vector<std::string>& events, std::vector<std::string>& log, Cluster& cluster)
      : events_(events), log_(log), cluster_(cluster) {}
  void emit(const model::Rollout&, const engine::Emit& event) override {
    events_.push_back(event.reason);
    log_.push_back(format_time(cluster_.now()).substr(11) + " event " + event.reason + ": " + event.message);
  }

 private:
  std::vector<std::string>& events_;
  std::vector<std::string>& log_;
  Cluster& cluster_;
};

}  // namespace

struct Stage::Parts {
  Parts(Stage& stage, Cluster& cluster, bool gate_by_policy)
      : api(cluster.as("operator")),
        caches(api, "", cluster.clock(), [] { return 0.5; }),
        queue(cluster.clock(), [] { return 0.5; }),
        events(stage.events_, stage.log_, cluster),
        executor(api, caches, events, cluster.clock(), [&stage] { return stage.may_write(); }),
        analysis(cluster, stage.past_the_gateway_, [this](const kube::Name& rollout) { queue.add(rollout); }),
        reconciler(api, caches, executor, analysis, cluster.clock(), {gate_by_policy, "http://prometheus:9090"}) {
    caches.on_concern([this](const kube::Name& rollout) { queue.add(rollout); });
  }

  kube::Api& api;
  op::Caches caches;
  kube::WorkQueue<kube::Name> queue;
  Listener events;
  op::Executor executor;
  SimulatedAnalysis analysis;
  op::Reconciler reconciler;
};

Stage::Stage(simulation::Options options, bool gate_by_policy)
    : cluster_(options), gate_by_policy_(gate_by_policy), random_(options.seed ^ 0x5e0a9e5ULL) {
  cluster_.on_change([this](const simulation::Change& change) { watch_invariants(change); });
  build();
}

Stage::~Stage() = default;

void Stage::build() { parts_ = std::make_unique<Parts>(*this, cluster_, gate_by_policy_); }

void Stage::apply_rollout(const RolloutSpec& rollout) {
  const auto errors = Json{{"name", "errors"}, {"errorRate", Json::object()}};
  const auto latency = Json{{"name", "latency"}, {"latency", {{"threshold", "250ms"}}}};
  Json spec{{"targetRef", {{"name", rollout.name}}},
            {"settle", "1200ms"},  // the longest request and the data plane's delay of simulation/options.h
            {"progressDeadline", "60s"},
            {"analysis",
             {{"interval", format_duration(kInterval)},
              {"warmup", "0s"},
              {"minRequests", 50},
              {"minBake", "20s"},
              {"maxDuration", "10m"},
              {"slos", Json::array({errors, latency})}}}};
  if (rollout.route) {
    spec["traffic"]["httpRoute"]["name"] = rollout.name;
    spec["steps"] = Json::array({{{"weight", 10}, {"hold", "20s"}}, {{"weight", 50}, {"hold", "20s"}}});
  } else {
    spec["steps"] = Json::array({{{"weight", 25}, {"hold", "20s"}}, {{"weight", 50}, {"hold", "20s"}}});
  }
  spec.merge_patch(rollout.spec);
  const auto there = cluster_.get(resources::kRollouts, {rollout.ns, rollout.name});
  const Json object{{"apiVersion", "sluice.dev/v1alpha1"},
                    {"kind", "Rollout"},
                    {"metadata", {{"name", rollout.name}, {"namespace", rollout.ns}}},
                    {"spec", spec}};
  if (there) (void)cluster_.patch(resources::kRollouts, {rollout.ns, rollout.name}, kube::PatchType::Merge, {{"spec", spec}});
  else (void)cluster_.create(resources::kRollouts, object);
}

void Stage::delete_rollout(const std::string& ns, const std::string& name) { (void)cluster_.remove(resources::kRollouts, {ns, name}); }

void Stage::act(const std::string& action, const std::string& name, std::int64_t revision) {
  Json spec{{"rollout", "web"}, {"action", action}};
  if (revision != 0) spec["revision"] = revision;
  (void)cluster_.create(resources::kRolloutActions, {{"apiVersion", "sluice.dev/v1alpha1"},
                                                     {"kind", "RolloutAction"},
                                                     {"metadata", {{"name", name}, {"namespace", "shop"}}},
                                                     {"spec", spec}});
}

// Brings every informer up to date (or leaves it behind, where views are stale), then works the queue off.
void Stage::pump() {
  for (int round = 0; round < 50; ++round) {
    if (cluster_.operator_crashed() || lease_lost_) {
      if (!away_until_) {
        ++crashes_;
        tell(lease_lost_ ? "LEASE LOST" : "CRASH");
        away_until_ = now() + downtime_;
      }
      if (now() < *away_until_) return;
      away_until_.reset();
      lease_lost_ = false;
      cluster_.restart_operator();
      build();
      tell("NEW OPERATOR");
    }
    parts_->caches.each([&](auto& informer) {
      if (informer.has_synced() && stale_ > 0 && random_.chance(stale_)) return;
      informer.step();
    });
    if (!parts_->caches.synced()) continue;
    const auto rollout = parts_->queue.try_take();
    if (!rollout) return;
    const std::size_t before = cluster_.writes("operator").size();
    const auto again = parts_->reconciler.reconcile(*rollout);
    for (std::size_t i = before; i < cluster_.writes("operator").size(); ++i) {
      const simulation::Write& write = cluster_.writes("operator")[i];
      check_precondition(write);
      const std::string stage = write.subresource != "status" || !write.body.is_array()
                                    ? ""
                                    : " [" + read::text(write.body.back(), {"value", "phase"}) + " " +
                                          read::text(write.body.back(), {"value", "run", "stage"}) + " " +
                                          std::to_string(read::integer(write.body.back(), {"value", "run", "part"})) + ": " +
                                          read::text(write.body.back(), {"value", "summary"}) + "]";
      tell("  " + write.str() + (stage.empty() && !write.body.is_null() ? " " + write.body.dump().substr(0, 300) : stage));
    }
    if (again) {
      parts_->queue.forget(*rollout);
      if (*again) parts_->queue.add_after(*rollout, std::max(Duration(0), **again - now()));
    } else if (again.error().is(Error::Kind::Conflict)) {
      parts_->queue.add_after(*rollout, Duration(5));
    } else {
      tell("error " + to_string(again.error()));
      parts_->queue.add_failed(*rollout, again.error().retry_after);
    }
    parts_->queue.done(*rollout);
  }
}

bool Stage::may_write() {
  if (lease_writes_ && --*lease_writes_ <= 0) {
    lease_writes_.reset();
    lease_lost_ = true;
  }
  return !lease_lost_;
}

void Stage::tell(const std::string& line) { log_.push_back(format_time(now()).substr(11) + " " + line); }

// I10: what is repeated after a lost answer must do no harm, so every patch says what it was decided on.
void Stage::check_precondition(const simulation::Write& write) {
  if (write.verb != "patch" || write.resource == resources::kRolloutActions) return;
  bool conditional = !read::text(write.body, {"metadata", "resourceVersion"}).empty();
  if (write.body.is_array())
    for (const Json& operation : write.body)
      conditional |= read::text(operation, {"op"}) == "test" && read::text(operation, {"path"}) == "/metadata/resourceVersion";
  if (!conditional) broken_.push_back(format_time(write.at) + " I10: without precondition: " + write.str());
}

// I7: whoever restarts the operator, no step is shorter than its hold.
void Stage::watch_holds(const simulation::Change& change) {
  const auto was = model::parse_rollout_status(read::at(*change.before, {"status"}));
  const auto is = model::parse_rollout_status(read::at(*change.object, {"status"}));
  if (!is.run) return;
  const auto key = [](const model::Run& run) { return std::to_string(run.revision) + "/" + std::to_string(run.step); };
  if (is.run->stage == model::Stage::Stepping && is.run->step_started) reached_.try_emplace(key(*is.run), now());
  if (!was.run || was.run->revision != is.run->revision || was.run->stage != model::Stage::Stepping || is.run->promote) return;
  const bool left = is.run->stage == model::Stage::Filling || is.run->stage == model::Stage::Switching || is.run->step > was.run->step;
  if (!left) return;
  const auto steps = model::parse_rollout(*change.object).steps;
  const auto index = static_cast<std::size_t>(was.run->step) - 1;
  const auto reached = reached_.find(key(*was.run));
  if (index < steps.size() && (reached == reached_.end() || now() < reached->second + steps[index].hold))
    broken_.push_back(format_time(now()) + " I7: step " + key(*was.run) + " was left before its hold was over");
}

void Stage::run(Duration time) {
  const Time end = now() + time;
  run_until([&] { return now() >= end; }, time);
}

bool Stage::run_until(const std::function<bool()>& condition, Duration limit, Duration look) {
  const Time end = now() + limit;
  while (now() < end) {
    pump();
    if (condition()) return true;
    const auto next = cluster_.next_event();
    Time to = std::min(end, now() + look);
    if (next && *next < to) to = *next;
    cluster_.advance_to(std::max(to, now() + Duration(1)));
  }
  pump();
  return condition();
}

std::optional<model::Rollout> Stage::rollout(const std::string& ns, const std::string& name) const {
  const auto object = cluster_.peek(resources::kRollouts, {ns, name});
  if (!object) return std::nullopt;
  return model::parse_rollout(*object);
}

model::Phase Stage::phase() const {
  const auto r = rollout();
  return r ? r->status.phase : model::Phase::Initializing;
}

bool Stage::at_rest() const {
  const auto r = rollout();
  const auto d = cluster_.peek(resources::kDeployments, {"shop", "web"});
  if (!r || !d || r->status.run) return false;
  return (r->status.phase == model::Phase::Healthy || r->status.phase == model::Phase::RolledBack) &&
         r->status.target_generation >= read::integer(*d, {"metadata", "generation"});
}

std::string Stage::outcome_of(std::int64_t revision) const {
  const auto r = rollout();
  if (r)
    for (const auto& entry : r->status.history)
      if (entry.revision == revision) return entry.outcome;
  return "";
}

void Stage::watch_invariants(const simulation::Change& change) {
  const auto name = [&](const char* invariant, const std::string& what) {
    broken_.push_back(format_time(cluster_.now()) + " " + invariant + ": " + what);
  };
  if (change.by != "operator") return;
  if (lease_lost_) name("I8", "the operator wrote " + change.name.str() + " after the lease was lost");
  if (change.type == kube::WatchEvent::Type::Deleted) return;
  if (*change.resource == resources::kRollouts && change.before) watch_holds(change);
  const auto stored = cluster_.peek(resources::kRollouts, {change.name.ns, "web"});
  const Json status = stored ? read::at(*stored, {"status"}) : Json();
  const std::string stage = read::text(status, {"run", "stage"});
  const auto percent = [&] {
    const auto route = cluster_.peek(resources::kHttpRoutes, {change.name.ns, "web"});
    return route ? traffic::canary_percent(read::at(*route, {"spec", "rules"}), {change.name.ns, "web", "web-canary", {}}).value_or(0) : 0;
  };
  if (*change.resource == resources::kHttpRoutes) {
    const int now_percent = percent();
    const int desired = static_cast<int>(read::integer(status, {"run", "weight", "desired"}));
    if (stage == "Stepping" && now_percent > desired)
      name("I1", "the route gives the canary " + std::to_string(now_percent) + "%, the step " + std::to_string(desired) + "%");
    if ((stage == "Pinning" || stage == "Creating" || stage == "Joining" || stage == "Retreating" || stage.empty()) && now_percent > 0)
      name("I1", "the route gives the canary " + std::to_string(now_percent) + "% at stage " + stage);
  }
  if (*change.resource == resources::kRollouts && stage == "Retreating" && change.before &&
      read::text(*change.before, {"status", "run", "stage"}) != "Retreating" && percent() > 0)
    name("I4", "the status says Retreating while the route still gives the canary " + std::to_string(percent()) + "%");
  if (*change.resource == resources::kReplicaSets && change.before) {
    const bool was_ours = !read::text(*change.before, {"metadata", "labels", marks::kRollout}).empty();
    const bool owned_now = !read::array(*change.object, {"metadata", "ownerReferences"}).empty();
    const bool returned = read::integer(*change.object, {"spec", "replicas"}) == 0;
    if (was_ours && owned_now && !returned &&
        model::template_digest(read::at(*change.object, {"spec", "template"})) != read::text(status, {"run", "templateDigest"}))
      name("I5", "ReplicaSet " + change.name.name + " was handed over with another template than was analysed");
  }
  int canaries = 0;
  cluster_.each(resources::kReplicaSets, change.name.ns, [&](const kube::Name&, const simulation::JsonPtr& set) {
    if (!read::text(*set, {"metadata", "labels", marks::kRollout}).empty()) ++canaries;
  });
  if (canaries > 1) name("I6", std::to_string(canaries) + " canaries at once");
}

std::vector<std::string> Stage::violated() {
  std::vector<std::string> all = cluster_.violated();
  all.insert(all.end(), broken_.begin(), broken_.end());
  if (!at_rest() && rollout()) return all;
  for (std::string& left : leftovers()) all.push_back(std::move(left));
  return all;
}

// I6: nothing of ours is left after a run but the marks of a refused template; after a Rollout, not even those.
std::vector<std::string> Stage::leftovers() const {
  std::vector<std::string> all;
  cluster_.each(resources::kReplicaSets, "shop", [&](const kube::Name&, const simulation::JsonPtr& set) {
    if (!read::text(*set, {"metadata", "labels", marks::kRollout}).empty())
      all.push_back("I6: ReplicaSet " + read::text(*set, {"metadata", "name"}) + " is left");
  });
  cluster_.each(resources::kServices, "shop", [&](const kube::Name&, const simulation::JsonPtr& object) {
    const Json& service = *object;
    if (!read::text(service, {"metadata", "labels", marks::kRollout}).empty()) all.push_back("I6: the canary Service is left");
    if (!read::text(service, {"metadata", "annotations", marks::kPin}).empty()) all.push_back("I6: a pin is left");
  });
  cluster_.each(resources::kHttpRoutes, "shop", [&](const kube::Name&, const simulation::JsonPtr& object) {
    const Json& route = *object;
    if (!read::text(route, {"metadata", "annotations", marks::kOriginal}).empty()) all.push_back("I6: the route's original is left");
    if (!read::text(route, {"metadata", "annotations", marks::kRetreat}).empty()) all.push_back("I6: the route's retreat mark is left");
  });
  cluster_.each(resources::kDeployments, "shop", [&](const kube::Name&, const simulation::JsonPtr& object) {
    if (!rollout() && !read::text(*object, {"metadata", "annotations", marks::kRollout}).empty())
      all.push_back("I6: the Deployment is still marked");
  });
  return all;
}

std::string Stage::story() const {
  std::string text;
  constexpr std::size_t kLongest = 400;
  const std::size_t first = log_.size() > kLongest ? log_.size() - kLongest : 0;
  for (std::size_t i = first; i < log_.size(); ++i) text += log_[i] + "\n";
  if (const auto r = rollout()) text += "status: " + model::to_json(r->status).dump(1).substr(0, 3000) + "\n";
  return text;
}

}  // namespace sluice::scenarios
