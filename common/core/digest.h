// Digests: SHA-256 and the short, name-safe form used in object names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view data);

// The first `length` (<= 32) characters of the digest in the alphabet that Kubernetes uses for generated names (consonants
// and digits, no vowels), so that no word arises. Used for ReplicaSet names, which must stay stable over releases.
std::string name_digest(std::string_view data, std::size_t length = 10);

}  // namespace sluice
