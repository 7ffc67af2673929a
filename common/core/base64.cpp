#include "common/core/base64.h"

#include <cstdint>

namespace sluice {
namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char byte : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6; bits -= 6) text += alphabet[buffer >> (bits - 6) & 63];
  }
  if (bits > 0) text += alphabet[buffer << (6 - bits) & 63];
  return text;
}

Expected<std::string> decode(std::string_view text, std::string_view alphabet, bool unused_bits_matter) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return fail(Error::Kind::Invalid, "a character that base64 does not have");
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    if ((bits += 6) >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits & 0xff);
    }
  }
  const bool unused = (buffer & ((1U << bits) - 1)) != 0;
  if (bits >= 6 || (unused_bits_matter && unused)) return fail(Error::Kind::Invalid, "base64 that ends in the middle of a byte");
  return bytes;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text = encode(bytes, kStandard);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::string base64url(std::string_view bytes) { return encode(bytes, kUrl); }

Expected<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return fail(Error::Kind::Invalid, "base64 of a length that is not a multiple of 4");
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode(text, kStandard, true);
}

Expected<std::string> from_base64url(std::string_view text) { return decode(text, kUrl, true); }

Expected<std::string> from_base64_in_file(std::string_view text) {
  std::string letters;
  letters.reserve(text.size());
  for (const char c : text)
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') letters += c;
  while (letters.ends_with('=')) letters.pop_back();
  return decode(letters, kStandard, false);
}

}  // namespace sluice
