// Base64 as kubeconfigs and Secrets hold it (RFC 4648, standard alphabet).
#pragma once

#include <string>
#include <string_view>

#include "common/core/error.h"

namespace sluice::kube {

// White space is skipped, padding at the end is optional; any other byte: Invalid.
Expected<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view data);

}  // namespace sluice::kube
