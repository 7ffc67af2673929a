#include "tests/wire/header_lines.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace courier::wire {

bool same(std::string_view a, std::string_view b) { return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0; }

std::optional<std::string_view> find_header(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at < head.size();) {
    const std::size_t begin = at + 2;
    at = std::min(head.find("\r\n", begin), head.size());
    const std::string_view line = head.substr(begin, at - begin);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !same(line.substr(0, colon), name)) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    return value;
  }
  return std::nullopt;
}

std::optional<std::size_t> length_of(std::string_view value) {
  std::size_t bytes = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), bytes);
  if (read.ec != std::errc() || read.ptr != value.data() + value.size()) return std::nullopt;
  return bytes;
}

}  // namespace courier::wire
