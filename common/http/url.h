// The absolute URLs a transport can be pointed at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace sluice::http {

struct Url {
  std::string scheme;      // "http" or "https"
  std::string host;        // lower case; of an IPv6 literal without its brackets
  std::uint16_t port = 0;  // never 0 after parsing: 80 or 443 when not given
  std::string path;        // "" or "/prefix", never ending in '/'
  std::string query;       // without the '?'
  bool ipv6_literal = false;
};

enum class UserInfo { Refused, Allowed };

// Error Invalid names the text and what is wrong. User and password are refused unless allowed (and then dropped).
Expected<Url> parse_url(std::string_view text, UserInfo user_info = UserInfo::Refused);

// "https://host:port/prefix", without the query; the port is left out when it is the scheme's own.
std::string to_string(const Url& url);

}  // namespace sluice::http
