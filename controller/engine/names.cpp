#include "controller/engine/names.h"

#include "common/core/digest.h"

namespace sluice::engine {

std::string canary_service_name(const std::string& service) {
  constexpr std::size_t kLongest = 63;
  const std::string plain = service + "-canary";
  if (plain.size() <= kLongest) return plain;
  const std::string tail = "-" + name_digest(service) + "-canary";
  return service.substr(0, kLongest - tail.size()) + tail;
}

std::string canary_set_name(const std::string& deployment, const std::string& rollout_uid, const std::string& template_digest,
                            std::int64_t revision) {
  constexpr std::size_t kLongest = 52;
  const std::string digest = name_digest(rollout_uid + "/" + template_digest + "/" + std::to_string(revision));
  return deployment.substr(0, kLongest - digest.size() - 1) + "-" + digest;
}

std::string hash_of_canary_set(const std::string& name) { return name.substr(name.rfind('-') + 1); }

}  // namespace sluice::engine
