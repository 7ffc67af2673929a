#include "sample-service/api/request_text.h"

#include <charconv>

#include "sample-service/trust/secret_text.h"

namespace courier {

using sluice::Error;
using sluice::fail;

Expected<Page> parse_page(std::string_view query) {
  Page page;
  bool seen_cursor = false;
  bool seen_limit = false;
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    const auto equals = part.find('=');
    const std::string name(part.substr(0, equals));
    const auto value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    if (name == "cursor" && !seen_cursor) {
      seen_cursor = true;
      const auto mark = from_base64url(value);
      if (!mark || mark->empty())
        return fail(Error::Kind::Invalid, "cursor: this is not one; take 'next' of the page before, or leave it out");
      page.after = *mark;
    } else if (name == "limit" && !seen_limit) {
      seen_limit = true;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), page.limit);
      if (error != std::errc() || end != value.data() + value.size() || page.limit < 1 || page.limit > 500) {
        return fail(Error::Kind::Invalid, "limit: '" + std::string(value.substr(0, 40)) + "' is not a number from 1 to 500");
      }
    } else {
      return fail(Error::Kind::Invalid,
                  "parameter '" + name.substr(0, 40) + "' is unknown or there twice; a list takes 'cursor' and 'limit'");
    }
  }
  return page;
}

std::string cursor_of(const std::string& mark) { return mark.empty() ? "" : base64url(mark); }

bool nests_deeper(std::string_view json, int levels) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > levels) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace courier
