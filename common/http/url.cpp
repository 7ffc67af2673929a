#include "common/http/url.h"

#include <algorithm>
#include <charconv>

namespace sluice::http {
namespace {

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

Unexpected bad(std::string_view text, std::string_view why) {
  return fail(Error::Kind::Invalid, "URL '" + std::string(text) + "': " + std::string(why));
}

}  // namespace

Expected<Url> parse_url(std::string_view text, UserInfo user_info) {
  Url url;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return bad(text, "no scheme; write http://host:port or https://host:port");
  url.scheme = text.substr(0, scheme_end);
  if (url.scheme != "http" && url.scheme != "https") return bad(text, "the scheme must be http or https");
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; })) {
    return bad(text, "it contains a space or a character that must be percent-encoded");
  }

  std::string_view rest = text.substr(scheme_end + 3);
  if (rest.find('#') != std::string_view::npos) return bad(text, "a fragment ('#') has no meaning here");
  const auto authority_end = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, authority_end);
  rest = authority_end == std::string_view::npos ? std::string_view() : rest.substr(authority_end);
  if (const auto question = rest.find('?'); question != std::string_view::npos) {
    url.query = rest.substr(question + 1);
    rest = rest.substr(0, question);
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  url.path = rest;

  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    // The text is not repeated: it may hold a password.
    if (user_info == UserInfo::Refused) {
      return fail(Error::Kind::Invalid,
                  "URL of host '" + std::string(authority.substr(at + 1)) + "': user and password are not supported; use a token");
    }
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return bad(text, "'[' without ']'");
    url.ipv6_literal = true;
    url.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    const auto colon = authority.find(':');
    url.host = authority.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
    const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; };
    if (!std::all_of(url.host.begin(), url.host.end(), allowed)) return bad(text, "'" + url.host + "' is not a host name");
  }
  if (url.host.empty()) return bad(text, "no host");
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  url.port = default_port(url.scheme);
  if (!port.empty()) {
    const char* const end = port.data() + port.size();
    const auto parsed = std::from_chars(port.data() + 1, end, url.port);
    if (port.front() != ':' || parsed.ec != std::errc() || parsed.ptr != end || url.port == 0) {
      return bad(text, "the port must be 1 to 65535");
    }
  }
  return url;
}

std::string to_string(const Url& url) {
  std::string text = url.scheme + "://" + (url.ipv6_literal ? "[" + url.host + "]" : url.host);
  if (url.port != default_port(url.scheme)) text += ":" + std::to_string(url.port);
  return text + url.path;
}

}  // namespace sluice::http
