#include "sample-service/faults/profile.h"

#include <set>

#include "common/core/percent.h"

namespace courier {

using sluice::Error;
using sluice::fail;

namespace {

sluice::Unexpected too_long(const std::string& part, std::string_view value) {
  return fail(Error::Kind::Invalid,
              part + ": '" + std::string(value) + "' is longer than faults may last, " + sluice::format_duration(kLongestFaults));
}

}  // namespace

Expected<FaultProfile> parse_fault_profile(std::string_view text) {
  FaultProfile profile;
  std::set<std::string_view> seen;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const auto equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    if (!seen.insert(key).second) return fail(Error::Kind::Invalid, "'" + std::string(key) + "' is given twice");
    if (key == "errors") {
      const auto share = sluice::parse_percent(value);
      if (!share) return fail("errors", share.error());
      profile.error_share = *share;
    } else if (key == "latency") {
      const auto at = value.find('@');
      const auto length = sluice::parse_duration(value.substr(0, at));
      if (!length) return fail("latency", length.error());
      profile.latency = *length;
      if (at != std::string_view::npos) {
        const auto share = sluice::parse_percent(value.substr(at + 1));
        if (!share) return fail("latency", share.error());
        profile.latency_share = *share;
      }
    } else if (key == "crash-after") {
      const auto length = sluice::parse_duration(value);
      if (!length) return fail("crash-after", length.error());
      if (*length > kLongestFaults) return too_long("crash-after", value);
      profile.crash_after = *length;
    } else if (key == "for") {
      const auto length = sluice::parse_duration(value);
      if (!length) return fail("for", length.error());
      if (*length > kLongestFaults) return too_long("for", value);
      profile.lasts = *length;
    } else if (part == "never-ready") {
      profile.never_ready = true;
    } else {
      return fail(Error::Kind::Invalid,
                  "'" + std::string(part) + "' is unknown; use errors=5%, latency=300ms@10%, crash-after=20s, never-ready, for=5m");
    }
  }
  return profile;
}

}  // namespace courier
