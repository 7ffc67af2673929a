// Base64 (RFC 4648). Pure; decoders never repeat the text in an error, which may be secret.
#pragma once

#include <string>
#include <string_view>

#include "common/core/error.h"

namespace sluice {

// Standard alphabet with padding, and the URL-safe one without.
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);

// Each decodes its own alphabet only, and there is one way to write each text: padding must be there, or not, and unused bits are zero.
// So two texts are equal if their bytes are. Invalid otherwise.
Expected<std::string> from_base64(std::string_view text);
Expected<std::string> from_base64url(std::string_view text);

// As people and tools write it into files: standard alphabet, white space is skipped, padding at the end is optional, unused bits do not
// matter. Invalid for any other byte, for text after the padding and for an end within a byte.
Expected<std::string> from_base64_in_file(std::string_view text);

}  // namespace sluice
