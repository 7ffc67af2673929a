#include "sample-service/domain/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace courier {
namespace {

constexpr std::string_view kPrefix = "whsec_";

std::string base64(const unsigned char* bytes, std::size_t size) {
  std::string text(4 * ((size + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

// Of a text that is not base64: the text itself.
std::string key_of(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return std::string(secret);
  const std::string_view encoded = secret.substr(kPrefix.size());
  std::string key(3 * (encoded.size() / 4) + 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()), reinterpret_cast<const unsigned char*>(encoded.data()),
                                     static_cast<int>(encoded.size()));
  if (length < 0) return std::string(secret);
  const auto padding = encoded.size() - encoded.substr(0, encoded.find('=')).size();
  key.resize(static_cast<std::size_t>(length) - padding);
  return key;
}

}  // namespace

std::string sign(std::string_view secret, std::string_view id, long long timestamp, std::string_view body) {
  const std::string key = key_of(secret);
  const std::string signed_text = std::string(id) + "." + std::to_string(timestamp) + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(signed_text.data()),
       signed_text.size(), digest.data(), &size);
  return "v1," + base64(digest.data(), size);
}

}  // namespace courier
