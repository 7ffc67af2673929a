#include "sample-service/api/receiver_url.h"

#include <algorithm>

#include "common/http/url.h"

namespace courier {
namespace {

std::string origin_of(sluice::http::Url url) {
  url.path.clear();
  return to_string(url);
}

}  // namespace

std::vector<std::string> trusted_origins(const EndpointPolicy& policy) {
  std::vector<std::string> origins;
  for (const std::string& entry : policy.allowed) {
    if (entry != "*") origins.push_back(entry);
  }
  if (const auto url = sluice::http::parse_url(policy.default_endpoint)) origins.push_back(origin_of(*url));
  return origins;
}

Expected<void> check_receiver(const std::string& url, const EndpointPolicy& policy, const AddressPolicy& addresses) {
  if (auto allowed = check_url(url, policy); !allowed) return allowed;
  const auto parsed = sluice::http::parse_url(url);
  const auto trusted = trusted_origins(policy);
  if (!parsed || std::find(trusted.begin(), trusted.end(), origin_of(*parsed)) != trusted.end()) return {};
  const auto address = parse_address(parsed->host);
  if (!address || addresses.allows(*address)) return {};
  return sluice::fail(sluice::Error::Kind::Invalid, "endpoint: '" + parsed->host +
                                                        "' is not a public address; only the operator of courier can "
                                                        "allow it, in COURIER_ADDRESSES_ALLOWED");
}

}  // namespace courier
