// The few operations on secrets that tokens, keys and signatures are made of. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "common/core/base64.h"
#include "common/core/error.h"

namespace courier {

using sluice::Expected;

// Raw bytes, 32 of them.
std::string hmac_sha256(std::string_view key, std::string_view data);

// How secrets, tokens and cursors are written.
using sluice::base64;
using sluice::base64url;
using sluice::from_base64;
using sluice::from_base64url;

// Takes as long wherever the difference is. Texts of different lengths are told apart at once.
bool same_secret(std::string_view a, std::string_view b);

// From the system's generator; never a seeded one. Ends the process when there is no randomness.
std::string random_bytes(std::size_t count);

}  // namespace courier
