// Where objects live on the API server: paths and queries, percent-encoded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/kube/api.h"

namespace sluice::kube {

// Everything but RFC 3986's unreserved characters as %XX.
std::string percent_encode(std::string_view text);

// "/apis/apps/v1/namespaces/shop/deployments"; ns empty: over all namespaces. Invalid: a namespace that no path can hold.
Expected<std::string> collection_path(const Resource& resource, const std::string& ns);

// The object's own path. Invalid: a name or namespace that is empty, "." or "..", or holds a slash.
Expected<std::string> object_path(const Resource& resource, const Name& name, const std::string& subresource = "");

// A query of the pairs whose value is not empty, with its question mark; "" if none is left.
std::string query(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace sluice::kube
