// Names of what Sluice creates. The same in every release: a running canary must be found again after an upgrade.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::engine {

// V': "<service>-canary", shortened with a digest to the 63 characters that a Service may have.
std::string canary_service_name(const std::string& service);

// C: "<deployment>-<digest>", at most 52 characters, as pod names add to it. The digest is of the Rollout's uid, the template
// and the revision, so that neither a stranger's set nor the metric series of an earlier run are ever met; it is also the
// set's pod-template-hash.
std::string canary_set_name(const std::string& deployment, const std::string& rollout_uid, const std::string& template_digest,
                            std::int64_t revision);
std::string hash_of_canary_set(const std::string& canary_set_name);

}  // namespace sluice::engine
