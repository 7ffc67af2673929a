// Headers in the head of an HTTP/1.1 message as it came from the wire. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace courier::wire {

// Names and tokens, whatever their case.
bool same(std::string_view a, std::string_view b);

// The value of the first header of that name. The head ends with the last header's line end; its first line is not looked at.
std::optional<std::string_view> find_header(std::string_view head, std::string_view name);

// A Content-Length's value; none: it is not a number.
std::optional<std::size_t> length_of(std::string_view value);

}  // namespace courier::wire
