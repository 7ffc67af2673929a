// Text for people: what came from outside made harmless for a terminal, lines that fit it, and tables. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/core/time.h"

namespace sluice::judge_tool {

// At most `most` bytes; what is not printable ASCII becomes '?', so that input cannot steer a terminal.
std::string printable(std::string_view text, std::size_t most = 80);

// Words broken into lines of at most `width` columns, each begun with `indent` spaces, the first with `bullet` after them. Longer words
// stand alone. Ends with a newline.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent, std::string_view bullet = "");

// Columns padded to their widest cell, the first to the left and the others to the right, two spaces between them. The first
// row is the head and gets a rule below it.
std::string table(const std::vector<std::vector<std::string>>& rows);

// "45s", "7m30s", "2h05m", "13h", "5d": as exact as a forecast deserves. At least a second.
std::string about(double seconds);

// %.3g, but without exponents up to a billion: "0.1", "12.5", "3000".
std::string number(double value);

}  // namespace sluice::judge_tool
