#include "tests/simulation/kubelet.h"

#include <algorithm>

namespace sluice::simulation {

namespace {
using namespace kube::resources;
constexpr std::string_view kSelf = "system:kubelet";
constexpr const char* kReady = "sim/ready";
constexpr const char* kCrashAfter = "sim/crash-after";
constexpr Duration kCrashDelay{1000};  // start -> exit of a pod that crashes
constexpr Duration kLongestBackOff{300'000};

Duration back_off(int restarts) { return std::min(kLongestBackOff, Duration(10'000LL << std::min(restarts, 5))); }
}  // namespace

const PodLife* Kubelet::life(const std::string& uid) const {
  const auto it = lives_.find(uid);
  return it == lives_.end() ? nullptr : &it->second;
}
PodLife* Kubelet::life(const std::string& uid) { return const_cast<PodLife*>(std::as_const(*this).life(uid)); }

void Kubelet::on_change(const Change& change) {
  if (*change.resource != kPods) return;
  const std::string uid = uid_of(*change.object);
  switch (change.type) {
    case kube::WatchEvent::Type::Added: {
      PodLife life;
      life.name = change.name;
      life.uid = uid;
      life.replica_set = text(controller_of(*change.object), {"name"});
      lives_.emplace(uid, std::move(life));
      context_.events.after(context_.random.within(context_.options.pod_start), [this, uid] { start(uid); });
      break;
    }
    case kube::WatchEvent::Type::Modified:
      if (deleting(*change.object) && !deleting(*change.before)) {
        context_.events.after(context_.random.within(context_.options.pod_stop), [this, uid] { stop(uid); });
      }
      break;
    default: break;
  }
}

void Kubelet::start(const std::string& uid) {
  PodLife& life = lives_.at(uid);
  const auto pod = context_.server.find(kPods, life.name);
  if (life.stopped || !pod || uid_of(*pod) != uid || deleting(*pod)) return;
  life.running = true;
  const std::string ready = annotation(*pod, kReady);
  if (ready == "never") return write_status(life, nullptr);
  if (ready == "crash") {
    write_status(life, nullptr);
    context_.events.after(kCrashDelay, [this, uid] { crash(uid); });
    return;
  }
  const auto delay = parse_duration(ready);
  if (delay && *delay > Duration(0)) {
    write_status(life, nullptr);
    context_.events.after(*delay, [this, uid] { become_ready(uid); });
    return;
  }
  become_ready(uid);
}

void Kubelet::become_ready(const std::string& uid) {
  PodLife& life = lives_.at(uid);
  const auto pod = context_.server.find(kPods, life.name);
  if (!life.running || life.stopped || !pod || uid_of(*pod) != uid) return;
  life.ready = true;
  life.ready_at = context_.clock.now();
  write_status(life, nullptr);
  if (listener_) listener_(life, false);
  if (const auto delay = parse_duration(annotation(*pod, kCrashAfter)); delay) {
    context_.events.after(*delay, [this, uid] { crash(uid); });
  }
}

void Kubelet::crash(const std::string& uid) {
  PodLife& life = lives_.at(uid);
  if (!life.running || life.stopped) return;
  life.running = false;
  life.ready = false;
  ++life.restarts;
  context_.blame.excuse(uid, "the pod crashed by itself");
  write_status(life, "CrashLoopBackOff");
  if (listener_) listener_(life, false);
  context_.events.after(back_off(life.restarts - 1), [this, uid] { start(uid); });
}

void Kubelet::stop(const std::string& uid) {
  PodLife& life = lives_.at(uid);
  if (life.stopped) return;
  const bool answered = life.running;
  life.running = false;
  life.ready = false;
  life.stopped = true;
  if (listener_ && answered) listener_(life, true);
  const auto pod = context_.server.find(kPods, life.name);
  if (!pod || uid_of(*pod) != uid) return;
  context_.events.after(context_.random.within(context_.options.pod_gone), [this, name = life.name, uid] {
    const auto now = context_.server.find(kPods, name);
    if (now && uid_of(*now) == uid) context_.server.finish_removal(kSelf, kPods, name);
  });
}

void Kubelet::write_status(const PodLife& life, const char* waiting) {
  const auto pod = context_.server.find(kPods, life.name);
  if (!pod) return;
  const std::string now = format_time(std::chrono::floor<std::chrono::seconds>(context_.clock.now()));
  Json object = *pod;
  Json container{{"name", "app"}, {"ready", life.ready}, {"restartCount", life.restarts}};
  container["state"] = waiting ? Json{{"waiting", {{"reason", waiting}}}} : Json{{"running", {{"startedAt", now}}}};
  std::string address = text(*pod, {"status", "podIP"});
  if (address.empty()) {
    const auto n = context_.random.below(1U << 24);
    address = "10." + std::to_string(n >> 16) + "." + std::to_string(n >> 8 & 255) + "." + std::to_string(n & 255);
  }
  object["status"] = {{"phase", "Running"}, {"podIP", address}, {"containerStatuses", Json::array({container})}};
  object["status"]["conditions"] =
      Json::array({{{"type", "Ready"}, {"status", life.ready ? "True" : "False"}, {"lastTransitionTime", now}}});
  kube::WriteOptions options;
  options.subresource = "status";
  (void)context_.server.update(kSelf, kPods, std::move(object), options);
}

}  // namespace sluice::simulation
