// Kubernetes resource quantities ("250m", "1Gi", "2e3"), for reading quotas and pod requests.
#pragma once

#include <string_view>

#include "common/core/error.h"

namespace sluice {

// The plain number, e.g. "250m" -> 0.25, "1Ki" -> 1024. Invalid names the text.
// Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
Expected<double> parse_quantity(std::string_view text);

}  // namespace sluice
