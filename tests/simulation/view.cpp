// A requester's view of the API server: copies out, records of writes, faults of the operator's calls.
#include <algorithm>

#include "tests/simulation/machinery.h"
#include "tests/simulation/selectors.h"

namespace sluice::simulation {

namespace {
Error refused(const char* what, int status, Duration retry_after = Duration(0)) {
  return Error{status == 409 ? Error::Kind::Conflict : Error::Kind::Unavailable, what, status, retry_after};
}
Error dead() { return Error{Error::Kind::Cancelled, "crash", 0, {}}; }
}  // namespace

std::string Write::str() const {
  return verb + " " + called(resource, name) + (subresource.empty() ? "" : "/" + subresource) + ": " + outcome +
         (outcome == "ok" && !changed ? " (unchanged)" : "");
}

std::optional<Error> Cluster::View::read_fault() {
  if (user_ != kOperator) return std::nullopt;
  if (m_.crashed) return dead();
  if (m_.faults.read_error > 0 && m_.fault_random.chance(m_.faults.read_error)) return refused("internal error", 500);
  return std::nullopt;
}

Expected<Json> Cluster::View::get(const Resource& resource, const Name& name) {
  if (auto error = read_fault()) return Unexpected(*error);
  const auto object = m_.server.find(resource, resource.namespaced ? name : Name{"", name.name});
  if (!object) return Unexpected(Error{Error::Kind::NotFound, called(resource, name) + ": not found", 404, {}});
  return *object;
}

Expected<kube::List> Cluster::View::list(const Resource& resource, const kube::ListOptions& options) {
  if (auto error = read_fault()) return Unexpected(*error);
  const auto labels = LabelQuery::parse(options.label_selector);
  if (!labels) return Unexpected(labels.error());
  kube::List result;
  result.resource_version = std::to_string(m_.server.version());
  std::optional<Error> wrong;
  m_.server.each(resource, resource.namespaced ? options.ns : "", [&](const Name&, const JsonPtr& object) {
    const auto fields = field_matches(options.field_selector, *object);
    if (!fields) {
      wrong = fields.error();
    } else if (*fields && labels->matches(*object)) {
      result.items.push_back(*object);
    }
  });
  if (wrong) return Unexpected(*wrong);
  return result;
}

Expected<JsonPtr> Cluster::View::write(Write record, bool dry_run, const Action& action) {
  record.at = m_.clock.now();
  record.by = user_;
  const auto finish = [&](Expected<ApiServer::Written> written, std::optional<Error> hidden_by) -> Expected<JsonPtr> {
    record.changed = written && written->changed;
    record.outcome = hidden_by ? to_string(*hidden_by) : written ? "ok" : to_string(written.error());
    if (!dry_run) writes_.push_back(std::move(record));
    if (hidden_by) return Unexpected(*hidden_by);
    if (!written) return Unexpected(written.error());
    return written->object;
  };
  const auto nothing = [] { return Expected<ApiServer::Written>(ApiServer::Written{nullptr, false}); };
  if (user_ != kOperator || dry_run) return finish(action(), std::nullopt);

  if (m_.crashed) return Unexpected(dead());
  FaultPlan& plan = m_.faults;
  if (plan.crash_at_write && --*plan.crash_at_write <= 0) {
    plan.crash_at_write.reset();
    const bool applied = plan.crash_after_apply.value_or(m_.fault_random.chance(0.5));
    auto written = applied ? action() : nothing();
    m_.crashed = true;
    return finish(std::move(written), dead());
  }
  double roll = m_.fault_random.unit();
  const auto hit = [&](double share) {
    roll -= share;
    return share > 0 && roll < 0;
  };
  if (hit(plan.conflict)) return finish(nothing(), refused("the object has been modified", 409));
  if (hit(plan.too_many)) return finish(nothing(), refused("too many requests", 429, Duration(1000)));
  if (hit(plan.server_error)) return finish(nothing(), refused("internal error", 500));
  if (hit(plan.lost_answer)) return finish(action(), refused("the answer was lost: time-out", 0));
  return finish(action(), std::nullopt);
}

Expected<Json> Cluster::View::create(const Resource& resource, const Json& object, const kube::WriteOptions& options) {
  Write record{{}, "", "create", resource, name_of(object), options.subresource, object, false, ""};
  auto written = write(std::move(record), options.dry_run, [&] { return m_.server.create(user_, resource, object, options); });
  if (!written) return Unexpected(written.error());
  return **written;
}

Expected<Json> Cluster::View::update(const Resource& resource, const Json& object, const kube::WriteOptions& options) {
  Write record{{}, "", "update", resource, name_of(object), options.subresource, object, false, ""};
  auto written = write(std::move(record), options.dry_run, [&] { return m_.server.update(user_, resource, object, options); });
  if (!written) return Unexpected(written.error());
  return **written;
}

Expected<Json> Cluster::View::patch(const Resource& resource, const Name& name, kube::PatchType type, const Json& patch,
                                    const kube::WriteOptions& options) {
  Write record{{}, "", type == kube::PatchType::Apply ? "apply" : "patch", resource, name, options.subresource, patch, false, ""};
  auto written = write(std::move(record), options.dry_run, [&] { return m_.server.patch(user_, resource, name, type, patch, options); });
  if (!written) return Unexpected(written.error());
  return **written;
}

Expected<void> Cluster::View::remove(const Resource& resource, const Name& name, const kube::DeleteOptions& options) {
  Write record{{}, "", "delete", resource, name, "", nullptr, false, ""};
  auto written = write(std::move(record), false, [&] { return m_.server.remove(user_, resource, name, options); });
  if (!written) return Unexpected(written.error());
  return {};
}

Expected<void> Cluster::View::watch(const Resource& resource, const kube::WatchOptions& options, const kube::OnWatchEvent& on_event,
                                    std::stop_token stop) {
  if (auto error = read_fault()) return Unexpected(*error);
  const auto labels = LabelQuery::parse(options.label_selector);
  if (!labels) return Unexpected(labels.error());
  const std::uint64_t from = std::strtoull(options.resource_version.c_str(), nullptr, 10);
  const auto& journal = m_.server.journal(resource);
  const auto first = std::upper_bound(journal.begin(), journal.end(), from, [](std::uint64_t v, const Change& c) { return v < c.version; });
  // By index and by value: the callback may write, and the journal grows under it.
  for (auto i = static_cast<std::size_t>(first - journal.begin()); i < journal.size() && !stop.stop_requested(); ++i) {
    if (!options.ns.empty() && journal[i].name.ns != options.ns) continue;
    const Change change = journal[i];
    const auto fields = field_matches(options.field_selector, *change.object);
    if (!fields) return Unexpected(fields.error());
    if (!*fields) continue;
    const bool now = labels->matches(*change.object);
    const bool before = change.before && labels->matches(*change.before);
    if (!now && !before) continue;
    // With a selector, an object that stops matching is gone for the watcher, and one that starts is new.
    auto type = change.type;
    if (type == kube::WatchEvent::Type::Modified && now != before) {
      type = now ? kube::WatchEvent::Type::Added : kube::WatchEvent::Type::Deleted;
    }
    if (!on_event({type, *change.object})) return {};
  }
  return {};
}

}  // namespace sluice::simulation
