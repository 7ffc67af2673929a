#include "sample-service/domain/signing_secrets.h"

#include <algorithm>
#include <charconv>

namespace courier {

Expected<void> rotate_secret(std::string& current, std::vector<OldSecret>& old, std::string next, Time now, Duration overlap) {
  std::vector<OldSecret> kept;
  if (!current.empty() && overlap.count() > 0) kept.push_back({current, now + overlap});
  std::copy_if(old.begin(), old.end(), std::back_inserter(kept), [&](const OldSecret& one) { return one.until > now; });
  if (kept.size() > kMostOldSecrets) {
    return sluice::fail(sluice::Error::Kind::Forbidden, "secret: " + std::to_string(kMostOldSecrets) +
                                                            " old ones still sign deliveries; wait until one of them ends, or PATCH the "
                                                            "endpoint with a secret, which ends all of them at once");
  }
  current = std::move(next);
  old = std::move(kept);
  return {};
}

std::vector<std::string> signing_secrets(const std::string& current, const std::vector<OldSecret>& old, Time now) {
  std::vector<std::string> secrets;
  if (current.empty()) return secrets;
  secrets.push_back(current);
  for (const OldSecret& one : old) {
    if (one.until > now) secrets.push_back(one.secret);
  }
  return secrets;
}

std::string to_text(const std::vector<OldSecret>& old) {
  std::string text;
  for (const OldSecret& one : old) {
    text += (text.empty() ? "" : " ") + std::to_string(one.until.time_since_epoch().count()) + ":" + one.secret;
  }
  return text;
}

std::vector<OldSecret> old_secrets_of(std::string_view text) {
  std::vector<OldSecret> old;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    long long until = 0;
    const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), until);
    if (error != std::errc() || end == entry.data() + entry.size() || *end != ':') continue;
    old.push_back({std::string(end + 1, entry.data() + entry.size()), Time(Duration(until))});
  }
  return old;
}

}  // namespace courier
