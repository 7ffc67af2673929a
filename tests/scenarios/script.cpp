#include "tests/scenarios/script.h"

#include <algorithm>

#include "controller/model/marks.h"
#include "controller/model/read.h"

namespace sluice::scenarios {

namespace resources = kube::resources;
namespace marks = model::marks;
namespace read = model::read;

namespace {

const kube::Name kWeb{"shop", "web"};

template <typename T>
const T& one_of(simulation::Random& random, const std::vector<T>& choices) {
  return choices[random.below(choices.size())];
}

// Mixed once more, as the streams of neighbouring states are one stream, shifted.
simulation::Random drawn_from(std::uint64_t seed, std::uint64_t salt) {
  return simulation::Random(simulation::Random(seed * 1000 + salt).next());
}

Deed any_edit(simulation::Random& random) {
  static const std::vector<Deed> kEdits{Deed::EditGood, Deed::EditGood,       Deed::EditGood, Deed::EditErrors,
                                        Deed::EditSlow, Deed::EditNeverReady, Deed::EditCrash};
  return one_of(random, kEdits);
}

Deed any_deed(simulation::Random& random) {
  static const std::vector<Deed> kDeeds{Deed::EditBack,
                                        Deed::EditBack,
                                        Deed::Undo,
                                        Deed::Scale,
                                        Deed::Scale,
                                        Deed::Scale,
                                        Deed::DeleteRollout,
                                        Deed::Abort,
                                        Deed::Promote,
                                        Deed::Retry,
                                        Deed::EditSteps,
                                        Deed::Pause,
                                        Deed::Unpause,
                                        Deed::ReapplyRoute,
                                        Deed::ReapplyService,
                                        Deed::ForceDeleteRollout,
                                        Deed::DeleteCanaryService,
                                        Deed::DeleteCanarySet,
                                        Deed::DeleteCanaryPods,
                                        Deed::PrometheusDown,
                                        Deed::PrometheusNaN};
  return random.chance(0.35) ? any_edit(random) : one_of(random, kDeeds);
}

void draw_app(simulation::Random& random, Script& script) {
  script.replicas = 1 + static_cast<int>(random.below(8));
  script.rules = 1 + static_cast<int>(random.below(2));
  script.route = random.chance(0.7);
  script.gate_by_policy = random.chance(0.7);
  script.rolling = random.chance(0.2);
  script.history_limit = random.chance(0.3) ? 0 : 10;
  script.recreate = random.chance(0.2);
}

int value_for(simulation::Random& random, Deed deed, int number) {
  if (deed == Deed::Scale) return 1 + static_cast<int>(random.below(8));
  if (deed == Deed::PrometheusDown || deed == Deed::PrometheusNaN) return 5 + static_cast<int>(random.below(90));
  return number;
}

}  // namespace

const char* text(Deed deed) {
  switch (deed) {
    case Deed::EditGood: return "edit to a good version";
    case Deed::EditErrors: return "edit to one with errors";
    case Deed::EditSlow: return "edit to a slow one";
    case Deed::EditNeverReady: return "edit to one that is never ready";
    case Deed::EditCrash: return "edit to one that crashes";
    case Deed::EditBack: return "edit back to the first template";
    case Deed::Undo: return "rollout undo";
    case Deed::Scale: return "scale to";
    case Deed::DeleteRollout: return "delete the Rollout";
    case Deed::ForceDeleteRollout: return "delete the Rollout and force its finalizer away";
    case Deed::Abort: return "Abort";
    case Deed::Promote: return "Promote";
    case Deed::Retry: return "Retry";
    case Deed::EditSteps: return "edit the steps, variant";
    case Deed::Pause: return "spec.paused: true";
    case Deed::Unpause: return "spec.paused: false";
    case Deed::ReapplyRoute: return "GitOps applies the route again";
    case Deed::ReapplyService: return "GitOps applies the Service again";
    case Deed::DeleteCanaryService: return "delete the canary Service";
    case Deed::DeleteCanarySet: return "delete the canary ReplicaSet";
    case Deed::DeleteCanaryPods: return "delete the canary's pods";
    case Deed::PrometheusDown: return "Prometheus down for seconds";
    case Deed::PrometheusNaN: return "Prometheus answers NaN for seconds";
  }
  return "?";
}

Script Script::from_seed(std::uint64_t seed) {
  simulation::Random random = drawn_from(seed, 17);
  Script script;
  script.seed = seed;
  draw_app(random, script);
  const auto acts = 1 + random.below(5);
  script.acts.push_back({any_edit(random), 1, Duration(0), false});
  for (std::uint64_t i = 0; i < acts; ++i) {
    const Deed deed = any_deed(random);
    // Short pauses hit the seconds of a hand-over or retreat, long ones a run's end.
    const Duration after(static_cast<long long>(random.below(random.chance(0.5) ? 20'000 : 120'000)));
    script.acts.push_back({deed, value_for(random, deed, static_cast<int>(i) + 2), after, random.chance(0.3)});
    if (deed == Deed::DeleteRollout || deed == Deed::ForceDeleteRollout) break;
  }
  if (random.chance(0.5)) {
    const auto share = [&] { return random.chance(0.5) ? 0.0 : 0.06 * random.unit(); };
    script.faults.conflict = share();
    script.faults.too_many = share();
    script.faults.server_error = share();
    script.faults.lost_answer = share();
    script.faults.read_error = share();
  }
  if (random.chance(0.4)) script.stale = 0.6 * random.unit();
  if (random.chance(0.6)) script.faults.crash_at_write = 1 + static_cast<int>(random.below(50));
  else if (random.chance(0.2)) script.lease_lost_at_write = 1 + static_cast<int>(random.below(50));
  if (random.chance(0.5)) script.downtime = Duration(static_cast<long long>(random.below(60'000)));
  return script;
}

Script Script::comparable(std::uint64_t seed) {
  simulation::Random random = drawn_from(seed, 29);
  Script script;
  script.seed = seed;
  draw_app(random, script);
  script.replicas = 1 + static_cast<int>(random.below(4));
  script.acts.push_back({any_edit(random), 1, Duration(0), false});
  static const std::vector<Deed> kSecond{Deed::EditBack, Deed::EditGood, Deed::EditErrors, Deed::DeleteRollout, Deed::Abort, Deed::Promote};
  if (random.chance(0.4)) script.acts.push_back({one_of(random, kSecond), 2, Duration(0), true});
  return script;
}

bool Script::has(Deed deed) const {
  return std::any_of(acts.begin(), acts.end(), [&](const Act& act) { return act.deed == deed; });
}

std::string Script::str() const {
  std::string out = "seed " + std::to_string(seed) + ": " + std::to_string(replicas) + " replicas, " + std::to_string(rules) + " rules, " +
                    (route ? "route" : "ratio") + (gate_by_policy ? ", gate by policy" : ", gate by pause") +
                    (rolling ? ", Rolling" : ", Full") + ", revisionHistoryLimit " + std::to_string(history_limit) +
                    (recreate ? ", Recreate" : "") + "\n";
  out += "  faults: 409 " + std::to_string(faults.conflict) + ", 429 " + std::to_string(faults.too_many) + ", 500 " +
         std::to_string(faults.server_error) + ", lost answers " + std::to_string(faults.lost_answer) + ", reads " +
         std::to_string(faults.read_error) + ", stale " + std::to_string(stale) + "\n";
  if (faults.crash_at_write)
    out += "  crash at write " + std::to_string(*faults.crash_at_write) +
           (!faults.crash_after_apply   ? ""
            : *faults.crash_after_apply ? ", applied"
                                        : ", not applied") +
           ", away for " + format_duration(downtime) + "\n";
  if (lease_lost_at_write)
    out += "  lease lost at write " + std::to_string(*lease_lost_at_write) + ", away for " + format_duration(downtime) + "\n";
  for (const Act& act : acts)
    out += "  after " + format_duration(act.after) + (act.at_weight ? " and when the canary has traffic" : "") + ": " + text(act.deed) +
           " (" + std::to_string(act.value) + ")\n";
  return out;
}

namespace {

// One scenario being played: the stage and what a fair observer remembers of it.
class Player {
 public:
  explicit Player(const Script& script)
      : script_(script), stage_({.seed = script.seed, .policies = script.gate_by_policy}, script.gate_by_policy) {}

  Ending play(Duration idle) {
    begin();
    for (const Act& act : script_.acts) {
      if (act.at_weight) {
        (void)stage_.run_until(
            [&] {
              const auto r = stage_.rollout();
              return !r || (r->status.run ? r->status.run->weight_observed > 0 : r->status.revision > 0 && stage_.at_rest());
            },
            Duration(120'000));
      }
      stage_.run(act.after);
      stage_.tell(std::string("PEOPLE ") + text(act.deed) + " " + std::to_string(act.value));
      perform(act);
    }
    auto calm = script_.faults;
    calm.conflict = calm.too_many = calm.server_error = calm.lost_answer = calm.read_error = 0;
    calm.crash_at_write.reset();
    come_to_rest();
    stage_.cluster().inject(calm);
    stage_.stale_views(0);
    if (ending_.wrong.empty()) judge(idle);
    ending_.story = script_.str() + stage_.story();
    return ending_;
  }

 private:
  Cluster& cluster() { return stage_.cluster(); }
  Json deployment() {
    const auto d = cluster().peek(resources::kDeployments, kWeb);
    return d ? *d : Json();
  }
  void wrong(const std::string& what) { ending_.wrong.push_back(what); }

  void begin() {
    Json spec{{"revisionHistoryLimit", script_.history_limit}};
    if (script_.recreate) spec["strategy"] = {{"type", "Recreate"}};
    cluster().deploy_app({.ns = "shop",
                          .name = "web",
                          .replicas = script_.replicas,
                          .route = script_.route,
                          .rules = script_.rules,
                          .requests_per_second = 200,
                          .deployment_spec = spec});
    first_template_ = read::at(deployment(), {"spec", "template"});
    if (script_.route) first_rules_ = read::at(*cluster().peek(resources::kHttpRoutes, kWeb), {"spec", "rules"});
    stage_.apply_rollout(rollout_spec());
    if (!stage_.run_until([&] { return stage_.phase_is(model::Phase::Healthy); }, Duration(60'000))) wrong("was never adopted");
    stage_.cluster().inject(script_.faults);
    stage_.stale_views(script_.stale);
    stage_.downtime(script_.downtime);
    if (script_.lease_lost_at_write) stage_.lose_lease_at(*script_.lease_lost_at_write);
    writes_before_ = cluster().writes("operator").size();
  }

  RolloutSpec rollout_spec() {
    RolloutSpec rollout{.route = script_.route, .spec = {{"paused", paused_}}};
    if (script_.rolling) rollout.spec["promotion"]["capacity"] = "Rolling";
    if (steps_ != 0)
      rollout.spec["steps"] = Json::array({{{"weight", 5 + steps_}, {"hold", "15s"}}, {{"weight", 40 + steps_}, {"hold", "25s"}}});
    return rollout;
  }

  void edit(const std::string& key, const std::string& value, int version) {
    std::map<std::string, std::string> annotations{
        {"version", std::to_string(version)}, {"sim/errors", ""}, {"sim/slow", ""}, {"sim/ready", ""}};
    if (!key.empty()) annotations[key] = value;
    if (cluster().edit_template("shop", "web", annotations)) called_off_ = false;
  }

  void canary(const std::function<void(const std::string& name)>& use) {
    std::vector<std::string> names;
    cluster().each(resources::kReplicaSets, "shop", [&](const kube::Name& name, const simulation::JsonPtr& set) {
      if (!read::text(*set, {"metadata", "labels", marks::kRollout}).empty()) names.push_back(name.name);
    });
    for (const std::string& name : names) use(name);
  }

  void perform(const Act& act) {
    switch (act.deed) {
      case Deed::EditGood: return edit("", "", act.value);
      case Deed::EditErrors: return edit("sim/errors", "8%", act.value);
      case Deed::EditSlow: return edit("sim/slow", "30%", act.value);
      case Deed::EditNeverReady: return edit("sim/ready", "never", act.value);
      case Deed::EditCrash: return edit("sim/ready", "crash", act.value);
      case Deed::EditBack:
        if (cluster().patch(resources::kDeployments, kWeb, kube::PatchType::Json,
                            Json::array({{{"op", "replace"}, {"path", "/spec/template"}, {"value", first_template_}}})))
          called_off_ = false;
        return;
      case Deed::Undo:
        if (cluster().undo("shop", "web")) called_off_ = false;
        return;
      case Deed::Scale: (void)cluster().scale("shop", "web", act.value); return;
      case Deed::DeleteRollout: deleted_ = true; return stage_.delete_rollout();
      case Deed::ForceDeleteRollout:
        deleted_ = true;
        stage_.delete_rollout();
        (void)cluster().patch(resources::kRollouts, kWeb, kube::PatchType::Merge, {{"metadata", {{"finalizers", nullptr}}}});
        return;
      case Deed::Abort: called_off_ = true; return stage_.act("Abort", "act" + std::to_string(act.value));
      case Deed::Promote: promoted_ = true; return stage_.act("Promote", "act" + std::to_string(act.value));
      case Deed::Retry: return stage_.act("Retry", "act" + std::to_string(act.value));
      case Deed::EditSteps: steps_ = act.value; return apply();
      case Deed::Pause: paused_ = true; return apply();
      case Deed::Unpause: paused_ = false; return apply();
      case Deed::ReapplyRoute:
        if (script_.route)
          (void)cluster().patch(resources::kHttpRoutes, kWeb, kube::PatchType::Merge, {{"spec", {{"rules", first_rules_}}}});
        return;
      case Deed::ReapplyService:
        (void)cluster().patch(resources::kServices, kWeb, kube::PatchType::Merge,
                              {{"spec", {{"selector", {{"app", "web"}, {marks::kTemplateHash, nullptr}}}}}});
        return;
      case Deed::DeleteCanaryService: (void)cluster().remove(resources::kServices, {"shop", "web-canary"}); return;
      case Deed::DeleteCanarySet:
        called_off_ = true;
        return canary([&](const std::string& name) { (void)cluster().remove(resources::kReplicaSets, {"shop", name}); });
      case Deed::DeleteCanaryPods:
        called_off_ = true;
        return canary([&](const std::string& name) {
          std::vector<kube::Name> pods;
          cluster().each(resources::kPods, "shop", [&](const kube::Name& pod, const simulation::JsonPtr&) {
            if (pod.name.starts_with(name + "-")) pods.push_back(pod);
          });
          for (const auto& pod : pods) (void)cluster().remove(resources::kPods, pod);
        });
      case Deed::PrometheusDown: return cluster().prometheus_down(stage_.now(), stage_.now() + Duration(act.value * 1000LL));
      case Deed::PrometheusNaN: return cluster().prometheus_nan(stage_.now(), stage_.now() + Duration(act.value * 1000LL));
    }
  }
  void apply() {
    if (stage_.rollout()) stage_.apply_rollout(rollout_spec());
  }

  // Everything must end by itself; only what waits for people by design is answered: a pause and an inconclusive run.
  void come_to_rest() {
    if (paused_) {
      paused_ = false;
      apply();
    }
    const auto done = [&] {
      const auto r = stage_.rollout();
      if (r && r->status.run && r->status.run->inconclusive && !asked_) {
        asked_ = called_off_ = true;
        stage_.act("Abort", "inconclusive");
      }
      if (stage_.operator_away() || asked_in_vain()) return false;
      return deleted_ ? !r && settled() && stage_.leftovers().empty() : stage_.at_rest() && settled();
    };
    if (!stage_.run_until(done, Duration(3'600'000))) wrong("never came to rest");
    ending_.operator_writes = static_cast<int>(cluster().writes("operator").size() - writes_before_);
  }

  // An action that was not answered yet: it may start something.
  bool asked_in_vain() {
    bool waiting = false;
    cluster().each(resources::kRolloutActions, "shop", [&](const kube::Name&, const simulation::JsonPtr& action) {
      waiting |= read::text(*action, {"status", "phase"}).empty();
    });
    return waiting;
  }

  // One ReplicaSet serves, with all its pods, and no pod of another is left.
  bool settled() {
    const auto active = cluster().active_sets("shop", "web");
    const int replicas = static_cast<int>(read::integer(deployment(), {"spec", "replicas"}));
    if (active.size() != 1 || cluster().ready_pods("shop", active.front()) != replicas) return false;
    int pods = 0;
    cluster().each(resources::kPods, "shop", [&](const kube::Name&, const simulation::JsonPtr&) { ++pods; });
    return pods == replicas;
  }

  static bool bad(const Json& pod_template) {
    const Json& annotations = read::at(pod_template, {"metadata", "annotations"});
    for (const char* key : {"sim/errors", "sim/slow", "sim/ready"})
      if (!read::text(annotations, {key}).empty()) return true;
    return false;
  }

  void judge(Duration idle) {
    // What a stale view or a lost answer still keeps from the status comes now, and the Deployment's own status.
    stage_.run(Duration(5'000));
    const Json wanted = read::at(deployment(), {"spec", "template"});
    const std::string serving = cluster().active_sets("shop", "web").front();
    const Json served = read::at(*cluster().peek(resources::kReplicaSets, {"shop", serving}), {"spec", "template"});
    const bool same = model::template_digest(wanted) == model::template_digest(served);
    const auto r = stage_.rollout();
    if (bad(served) && !promoted_) wrong("a bad template serves though nobody asked for it");
    if (!deleted_ && bad(wanted) && !promoted_ && r->status.phase != model::Phase::RolledBack) wrong("a bad template is not rolled back");
    if (!deleted_ && !bad(wanted) && !called_off_ && !same) wrong("a good template was not promoted");
    if (!deleted_ && same && r->status.phase != model::Phase::Healthy) wrong("the wanted template serves, but the Rollout is not Healthy");
    if (same && script_.gate_by_policy && !cluster().complete("shop", "web")) wrong("the Deployment is not complete");
    if (same && script_.gate_by_policy && read::boolean(deployment(), {"spec", "paused"}))
      wrong("the Deployment stays paused on the template that serves");
    const auto* traffic = cluster().traffic().find(kWeb);
    if (traffic == nullptr || traffic->share(serving) < 0.999) wrong("not all traffic goes to the ReplicaSet that serves");
    ending_.outcome = (r ? "" : "no Rollout | ") + history() + " | " + read::text(served, {"metadata", "annotations", "version"});

    const std::size_t before = cluster().writes("operator").size();
    (void)stage_.run_until([] { return false; }, idle, Duration(5'000));
    if (cluster().writes("operator").size() != before)
      wrong("I11: " + std::to_string(cluster().writes("operator").size() - before) +
            " writes after everything was at rest, the first: " + cluster().writes("operator")[before].str());
    for (const std::string& broken : stage_.violated()) wrong(broken);
  }

  std::string history() {
    const auto r = stage_.rollout();
    if (!r) return "";
    std::string out = model::text(r->status.phase);
    for (const auto& entry : r->status.history) out += " " + entry.outcome;
    return out;
  }

  const Script& script_;
  Stage stage_;
  Ending ending_;
  Json first_template_, first_rules_;
  std::size_t writes_before_ = 0;
  bool paused_ = false, deleted_ = false, promoted_ = false, asked_ = false;
  bool called_off_ = false;  // something since the last edit may rightly end the run
  int steps_ = 0;
};

}  // namespace

Ending play(const Script& script, Duration idle) { return Player(script).play(idle); }

}  // namespace sluice::scenarios
