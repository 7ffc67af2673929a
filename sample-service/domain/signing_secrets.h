// The secrets that sign an endpoint's deliveries while one takes the place of another. Standard Webhooks lets a delivery carry
// several signatures, so an old secret goes on signing beside the new one for a while, and the receiver changes over within
// that time without refusing anything. Pure values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"

namespace courier {

using sluice::Duration;
using sluice::Expected;
using sluice::Time;

struct OldSecret {
  std::string secret{};
  Time until{};  // signs deliveries that are sent before
};

// Each is a signature more on every delivery.
inline constexpr std::size_t kMostOldSecrets = 4;

// Makes `next` the current secret. The one before signs on until now + overlap (0: not at all), and those that were old
// already for as long as they were to: a later rotation takes nothing back. Forbidden: kMostOldSecrets of them still sign.
Expected<void> rotate_secret(std::string& current, std::vector<OldSecret>& old, std::string next, Time now, Duration overlap);

// What signs a delivery that is sent now, the current secret first; without one, nothing does.
std::vector<std::string> signing_secrets(const std::string& current, const std::vector<OldSecret>& old, Time now);

// As a column of text: "<until>:<secret>" separated by blanks, which secrets do not hold. What is malformed is left out.
std::string to_text(const std::vector<OldSecret>& old);
std::vector<OldSecret> old_secrets_of(std::string_view text);

}  // namespace courier
