#include "sample-service/domain/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "common/core/base64.h"

namespace courier {
namespace {

constexpr std::string_view kPrefix = "whsec_";

// Of a text that is not base64: the text itself.
std::string key_of(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return std::string(secret);
  return sluice::from_base64(secret.substr(kPrefix.size())).value_or(std::string(secret));
}

}  // namespace

std::string sign(std::string_view secret, std::string_view id, long long timestamp, std::string_view body) {
  const std::string key = key_of(secret);
  const std::string signed_text = std::string(id) + "." + std::to_string(timestamp) + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(signed_text.data()),
       signed_text.size(), digest.data(), &size);
  return "v1," + sluice::base64({reinterpret_cast<const char*>(digest.data()), size});
}

std::string sign_with_each(const std::vector<std::string>& secrets, std::string_view id, long long timestamp, std::string_view body) {
  std::string signatures;
  for (const std::string& secret : secrets) signatures += (signatures.empty() ? "" : " ") + sign(secret, id, timestamp, body);
  return signatures;
}

}  // namespace courier
