#include "common/http/answer_text.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace sluice::http {
namespace {

constexpr std::pair<int, std::string_view> kReasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

bool equal(std::string_view a, std::string_view b) {
  const CaseInsensitiveLess less;
  return !less(a, b) && !less(b, a);
}

bool is_sendable(std::string_view name, std::string_view value) {
  const auto in_name = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != ':'; };
  const auto breaks = [](unsigned char c) { return c == '\r' || c == '\n' || c == 0; };
  return !name.empty() && std::all_of(name.begin(), name.end(), in_name) && std::none_of(value.begin(), value.end(), breaks);
}

// Made once a second on each thread: it would cost more than the rest of a short answer.
const std::string& http_date(Time now) {
  thread_local std::time_t made_for = -1;
  thread_local std::string made;
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  if (seconds == made_for) return made;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  made.assign(text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts));
  made_for = seconds;
  return made;
}

}  // namespace

std::string_view reason_phrase(int status) {
  const auto* found = std::find_if(std::begin(kReasons), std::end(kReasons), [&](const auto& r) { return r.first == status; });
  return found == std::end(kReasons) ? "Unknown" : found->second;
}

std::string to_wire(const Response& response, const AnswerFraming& framing, Time now) {
  const int status = response.status >= 200 && response.status <= 599 ? response.status : 500;
  std::string wire = "HTTP/1.1 " + std::to_string(status) + " ";
  wire += reason_phrase(status);
  wire += "\r\nDate: ";
  wire += http_date(now);
  wire += "\r\n";
  for (const auto& [name, value] : response.headers) {
    if (equal(name, "Connection") || equal(name, "Content-Length") || equal(name, "Transfer-Encoding") || equal(name, "Date")) continue;
    if (!is_sendable(name, value)) {
      Response broken{500, {}, "the header '" + name + "' of this answer cannot be sent\n"};
      std::replace_if(
          broken.body.begin(), broken.body.end() - 1, [](unsigned char c) { return c < 0x20; }, '?');
      return to_wire(broken, framing, now);
    }
    wire += name;
    wire += ": ";
    wire += value;
    wire += "\r\n";
  }
  const bool has_body = status != 204 && status != 304;
  if (has_body) wire += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  if (!framing.keep_alive) wire += "Connection: close\r\n";
  if (framing.keep_alive && framing.http_1_0) wire += "Connection: keep-alive\r\n";
  wire += "\r\n";
  if (has_body && !framing.head_only) wire += response.body;
  return wire;
}

}  // namespace sluice::http
