#include "sample-service/admission/request_deadline.h"

#include <charconv>
#include <optional>
#include <string>

namespace courier {

using sluice::Error;
using sluice::fail;

Expected<Duration> requested_timeout(const sluice::http::Headers& headers, const DeadlinePolicy& policy) {
  std::optional<Duration> asked;
  for (const char* name : {"X-Request-Timeout-Ms", "x-envoy-expected-rq-timeout-ms"}) {
    const auto found = headers.find(name);
    if (found == headers.end()) continue;
    const std::string& text = found->second;
    long long milliseconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
    // More than a number can hold is as good as "for ever", which the longest cuts.
    if (error == std::errc::result_out_of_range && !text.starts_with('-')) milliseconds = policy.longest.count();
    else if (error != std::errc()) milliseconds = 0;
    if (milliseconds < 1 || end != text.data() + text.size()) {
      return fail(Error::Kind::Invalid,
                  std::string(name) + ": '" + text + "' is not a whole number of milliseconds; write 1000 for a second");
    }
    asked = std::min(asked.value_or(policy.longest), Duration(std::min(milliseconds, static_cast<long long>(policy.longest.count()))));
  }
  return asked.value_or(policy.standard);
}

}  // namespace courier
