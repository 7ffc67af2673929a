// The few operations on secrets that tokens, keys and signatures are made of. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "common/core/error.h"

namespace courier {

using sluice::Expected;

// Raw bytes, 32 of them.
std::string hmac_sha256(std::string_view key, std::string_view data);

// Standard alphabet with padding, and RFC 4648's URL-safe one without.
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);
// Each decodes its own alphabet only, one way to write each text: padding must be there, or not, and unused bits are zero.
// Invalid does not repeat the text, which may be secret.
Expected<std::string> from_base64(std::string_view text);
Expected<std::string> from_base64url(std::string_view text);

// Takes as long wherever the difference is. Texts of different lengths are told apart at once.
bool same_secret(std::string_view a, std::string_view b);

// From the system's generator; never a seeded one. Ends the process when there is no randomness.
std::string random_bytes(std::size_t count);

}  // namespace courier
