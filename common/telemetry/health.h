// The three probes of a program: /startupz (once green, it stays so), /livez (every loop ticked lately; never a
// dependency) and /readyz (may traffic come here?). Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/clock.h"
#include "common/http/transport.h"

namespace sluice::telemetry {

class Health {
 public:
  explicit Health(const Clock& clock) : clock_(clock) {}

  void started();
  // What keeps traffic away, by name ("draining", "cache"); an empty reason takes it back.
  void unready(const std::string& name, const std::string& reason);
  // A loop says that it lives; it must say so again within `limit`.
  void tick(const std::string& loop, Duration limit = Duration(10'000));
  // A loop that ended on purpose.
  void forget(const std::string& loop);

  bool is_started() const;
  bool is_ready() const;
  bool is_live() const;

  // 200 or 503 with one line per finding; empty for other paths.
  std::optional<http::Response> answer(std::string_view path) const;

 private:
  struct Beat {
    Duration last{};
    Duration limit{};
  };
  std::string late_loops() const;  // with mutex_ held

  const Clock& clock_;
  mutable std::mutex mutex_;
  bool started_ = false;
  std::map<std::string, std::string> unready_;
  std::map<std::string, Beat> loops_;
};

}  // namespace sluice::telemetry
