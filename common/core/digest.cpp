#include "common/core/digest.h"

#include <openssl/evp.h>
#include <array>

namespace sluice {
namespace {

std::array<unsigned char, 32> sha256(std::string_view data) {
  std::array<unsigned char, 32> out{};
  unsigned int length = 0;
  EVP_Digest(data.data(), data.size(), out.data(), &length, EVP_sha256(), nullptr);
  return out;
}

}  // namespace

std::string sha256_hex(std::string_view data) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : sha256(data)) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string name_digest(std::string_view data, std::size_t length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string text;
  // One byte per character: the bias of 256 modulo 27 does not matter for a name.
  for (const unsigned char byte : sha256(data))
    if (text.size() < length) text += kAlphabet[byte % kAlphabet.size()];
  return text;
}

}  // namespace sluice
