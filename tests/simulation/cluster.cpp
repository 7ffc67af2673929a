#include "tests/simulation/cluster.h"

#include "tests/simulation/machinery.h"
#include "tests/simulation/policies.h"
#include "tests/simulation/selectors.h"

namespace sluice::simulation {

using namespace kube::resources;

Cluster::Machinery::Machinery(Options o)
    : options(o),
      clock(Time(Duration(1'800'000'000'000))),  // a whole second, in 2027
      events(clock),
      random(options.seed),
      fault_random(options.seed ^ 0xfa417fa417fa417fULL),
      server(clock, options.seed),
      context{options, clock, events, random, server, blame, [this](const std::string& what) { invariants.violation(what); }},
      invariants(context),
      kubelet(context),
      deployments(context),
      replica_sets(context, kubelet),
      garbage(context),
      slices(context),
      gateway(context),
      traffic(context, kubelet, gateway),
      metrics(context, traffic) {
  if (options.policies) server.admit_with(policies(std::string(kOperator)));
  server.listen([this](const Change& change) { changed(change); });
  kubelet.on_process([this](PodLife& pod, bool gone) {
    if (gone) traffic.pod_ended(pod);
    traffic.touch();
  });
  gateway.on_view([this] { traffic.touch(); });
}

// Losses that follow from what people did to their own objects are theirs.
void Cluster::Machinery::blame_people(const Change& change) {
  if (change.by.starts_with("system:") || change.type == kube::WatchEvent::Type::Added) return;
  const bool human = change.by != kOperator;
  const std::string uid = uid_of(*change.object);
  if (change.type == kube::WatchEvent::Type::Deleted || (deleting(*change.object) && !deleting(*change.before))) {
    blame.excuse(uid, human ? "deleted by " + change.by : "");
    if (*change.resource == kServices) blame.excuse(change.name.str(), human ? "deleted by " + change.by : "");
    return;
  }
  if (*change.resource != kReplicaSets && *change.resource != kDeployments) return;
  const auto was = number(*change.before, {"spec", "replicas"}), is = number(*change.object, {"spec", "replicas"});
  if (*change.resource == kDeployments) {
    if (human && is < was) scaled_down[change.name] = change.by;
  } else if (is < was) {
    blame.excuse(uid, human ? "scaled by " + change.by : follows_scaling(*change.object));
  }
}

// The operator makes a canary smaller because people made its Deployment smaller. Down to 0 is never a scaling.
std::string Cluster::Machinery::follows_scaling(const Json& set) const {
  const auto replicas = number(set, {"spec", "replicas"});
  if (replicas == 0 && text(controller_of(set), {"kind"}) == "Deployment") return "an edit froze a native rolling update";
  for (const auto& [deployment, by] : scaled_down) {
    const auto d = server.find(kDeployments, deployment);
    if (!d || replicas == 0 || deployment.ns != name_of(set).ns) continue;
    if (covers(at(*d, {"spec", "selector", "matchLabels"}), at(set, {"spec", "template", "metadata", "labels"})))
      return "follows the Deployment that was scaled by " + by;
  }
  return "";
}

void Cluster::Machinery::changed(const Change& change) {
  blame_people(change);
  kubelet.on_change(change);
  deployments.on_change(change);
  replica_sets.on_change(change);
  garbage.on_change(change);
  slices.on_change(change);
  gateway.on_change(change);
  metrics.on_change(change);
  invariants.on_change(change);
  for (const auto& listener : listeners) listener(change);
}

Cluster::Cluster(Options options) : m_(std::make_unique<Machinery>(options)) {}
Cluster::~Cluster() = default;

const ApiServer& Cluster::server() const { return m_->server; }

kube::Api& Cluster::as(const std::string& user) { return m_->views.try_emplace(user, *m_, user).first->second; }

Expected<Json> Cluster::get(const Resource& resource, const Name& name) { return as(std::string(kUser)).get(resource, name); }
Expected<kube::List> Cluster::list(const Resource& resource, const kube::ListOptions& options) {
  return as(std::string(kUser)).list(resource, options);
}
Expected<Json> Cluster::create(const Resource& resource, const Json& object, const kube::WriteOptions& options) {
  return as(std::string(kUser)).create(resource, object, options);
}
Expected<Json> Cluster::update(const Resource& resource, const Json& object, const kube::WriteOptions& options) {
  return as(std::string(kUser)).update(resource, object, options);
}
Expected<Json> Cluster::patch(const Resource& resource, const Name& name, kube::PatchType type, const Json& patch,
                              const kube::WriteOptions& options) {
  return as(std::string(kUser)).patch(resource, name, type, patch, options);
}
Expected<void> Cluster::remove(const Resource& resource, const Name& name, const kube::DeleteOptions& options) {
  return as(std::string(kUser)).remove(resource, name, options);
}
Expected<void> Cluster::watch(const Resource& resource, const kube::WatchOptions& options, const kube::OnWatchEvent& on_event,
                              std::stop_token stop) {
  return as(std::string(kUser)).watch(resource, options, on_event, stop);
}

const Clock& Cluster::clock() const { return m_->clock; }
Time Cluster::now() const { return m_->clock.now(); }
std::optional<Time> Cluster::next_event() const { return m_->events.next(); }

bool Cluster::step() {
  const auto next = m_->events.next();
  if (!next) return false;
  // The books of an instant are closed when the clock leaves it.
  if (*next > m_->clock.now()) m_->traffic.flush();
  m_->events.run_next();
  return true;
}

void Cluster::advance_to(Time time) {
  while (m_->events.next() && *m_->events.next() <= time) step();
  m_->traffic.flush();
  if (time > m_->clock.now()) m_->clock.set(time);
}

void Cluster::advance(Duration by) { advance_to(now() + by); }

bool Cluster::advance_until(const std::function<bool()>& condition, Duration limit) {
  const Time deadline = now() + limit;
  while (!condition()) {
    const auto next = next_event();
    if (!next || *next > deadline) {
      advance_to(deadline);
      return condition();
    }
    step();
  }
  return true;
}

const std::vector<Change>& Cluster::journal(const Resource& resource) const { return m_->server.journal(resource); }

std::vector<kube::WatchEvent> Cluster::events_since(const Resource& resource, std::uint64_t version) const {
  std::vector<kube::WatchEvent> events;
  const auto& journal = m_->server.journal(resource);
  auto it = std::upper_bound(journal.begin(), journal.end(), version, [](std::uint64_t v, const Change& c) { return v < c.version; });
  for (; it != journal.end(); ++it) events.push_back({it->type, *it->object});
  return events;
}

std::uint64_t Cluster::version() const { return m_->server.version(); }
JsonPtr Cluster::peek(const Resource& resource, const Name& name) const { return m_->server.find(resource, name); }
void Cluster::on_change(std::function<void(const Change&)> listener) { m_->listeners.push_back(std::move(listener)); }

const std::vector<Write>& Cluster::writes(const std::string& user) const {
  static const std::vector<Write> kNone;
  const auto it = m_->views.find(user);
  return it == m_->views.end() ? kNone : it->second.writes();
}

void Cluster::track(const Name& service, double requests_per_second) { m_->traffic.track(service, requests_per_second); }
const TrafficView& Cluster::traffic() {
  m_->traffic.flush();
  return m_->traffic.view();
}
const std::vector<Loss>& Cluster::losses() {
  m_->traffic.flush();
  return m_->traffic.losses();
}
Expected<Increments> Cluster::increments(const std::string& ns, const std::string& replica_set, Time from, Time to) {
  m_->traffic.flush();
  return m_->metrics.increments(ns, replica_set, from, to);
}
void Cluster::prometheus_down(Time from, Time to) { m_->metrics.down(from, to); }
void Cluster::prometheus_nan(Time from, Time to) { m_->metrics.not_a_number(from, to); }
void Cluster::behave(const std::string& ns, const std::string& replica_set, double errors, double slow) {
  m_->metrics.behave(ns, replica_set, errors, slow);
}

std::vector<std::string> Cluster::violated() {
  m_->traffic.flush();
  return m_->invariants.violated();
}

void Cluster::inject(const FaultPlan& plan) { m_->faults = plan; }
bool Cluster::operator_crashed() const { return m_->crashed; }
void Cluster::restart_operator() { m_->crashed = false; }

}  // namespace sluice::simulation
