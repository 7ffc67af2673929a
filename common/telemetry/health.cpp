#include "common/telemetry/health.h"

namespace sluice::telemetry {

void Health::started() {
  const std::lock_guard lock(mutex_);
  started_ = true;
}

void Health::unready(const std::string& name, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (reason.empty()) unready_.erase(name);
  else unready_[name] = reason;
}

void Health::tick(const std::string& loop, Duration limit) {
  const std::lock_guard lock(mutex_);
  loops_[loop] = {clock_.monotonic(), limit};
}

void Health::forget(const std::string& loop) {
  const std::lock_guard lock(mutex_);
  loops_.erase(loop);
}

bool Health::is_started() const {
  const std::lock_guard lock(mutex_);
  return started_;
}

bool Health::is_ready() const {
  const std::lock_guard lock(mutex_);
  return started_ && unready_.empty();
}

bool Health::is_live() const {
  const std::lock_guard lock(mutex_);
  return late_loops().empty();
}

std::string Health::late_loops() const {
  std::string late;
  const Duration now = clock_.monotonic();
  for (const auto& [name, beat] : loops_) {
    if (now - beat.last > beat.limit) late += "loop " + name + ": no sign of life for " + format_duration(now - beat.last) + "\n";
  }
  return late;
}

std::optional<http::Response> Health::answer(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  std::string findings;
  if (path == "/livez") {
    findings = late_loops();
  } else if (path == "/startupz") {
    if (!started_) findings = "starting\n";
  } else if (path == "/readyz") {
    if (!started_) findings = "starting\n";
    for (const auto& [name, reason] : unready_) findings += name + ": " + reason + "\n";
  } else {
    return std::nullopt;
  }
  return http::Response{
      findings.empty() ? 200 : 503, {{"Content-Type", "text/plain; charset=utf-8"}}, findings.empty() ? "ok\n" : findings};
}

}  // namespace sluice::telemetry
