#include "sample-service/trust/secret_text.h"

#include <array>
#include <cstdio>
#include <cstdlib>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

std::string encode(std::string_view bytes, std::string_view last_two) {
  const auto letter = [&](unsigned value) { return value < kLetters.size() ? kLetters[value] : last_two[value - kLetters.size()]; };
  std::string text;
  unsigned buffer = 0;
  int bits = 0;
  for (const unsigned char byte : bytes) {
    buffer = (buffer << 8) | byte;
    for (bits += 8; bits >= 6; bits -= 6) text += letter((buffer >> (bits - 6)) & 63);
    buffer &= 0xff;
  }
  if (bits > 0) text += letter((buffer << (6 - bits)) & 63);
  return text;
}

Expected<std::string> decode(std::string_view text, std::string_view last_two) {
  std::string bytes;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    auto value = kLetters.find(c);
    if (value == std::string_view::npos) {
      const auto special = last_two.find(c);
      if (special == std::string_view::npos) return fail(Error::Kind::Invalid, "a character that base64 does not have");
      value = kLetters.size() + special;
    }
    buffer = ((buffer << 6) | static_cast<unsigned>(value)) & 0xffff;
    if ((bits += 6) >= 8) {
      bits -= 8;
      bytes += static_cast<char>((buffer >> bits) & 0xff);
    }
  }
  if (bits >= 6 || (buffer & ((1U << bits) - 1)) != 0) return fail(Error::Kind::Invalid, "base64 that ends in the middle of a byte");
  return bytes;
}

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::array<unsigned char, 32> out{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()), data.size(), out.data(),
       &length);
  return {reinterpret_cast<const char*>(out.data()), length};
}

std::string base64(std::string_view bytes) {
  std::string text = encode(bytes, "+/");
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::string base64url(std::string_view bytes) { return encode(bytes, "-_"); }

Expected<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return fail(Error::Kind::Invalid, "base64 of a length that is not a multiple of 4");
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode(text, "+/");
}

Expected<std::string> from_base64url(std::string_view text) { return decode(text, "-_"); }

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    std::fprintf(stderr, "the system gives no random numbers\n");
    std::abort();
  }
  return bytes;
}

}  // namespace courier
