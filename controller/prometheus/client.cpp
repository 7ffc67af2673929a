#include "controller/prometheus/client.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::prometheus {
namespace {

std::string form_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string unix_text(Time at) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%.3f", unix_seconds(at));
  return text.data();
}

Error::Kind kind_of(int status) {
  if (status == 400 || status == 422) return Error::Kind::Invalid;
  if (status == 401 || status == 403) return Error::Kind::Forbidden;
  if (status == 404 || status == 405) return Error::Kind::NotFound;
  if (status == 429 || status == 408 || status >= 500) return Error::Kind::Unavailable;
  return Error::Kind::Corrupt;
}

Unexpected refused(const http::Response& response, const Limits& limits) {
  Error error{kind_of(response.status), "", response.status, {}};
  const auto parsed = parse_answer(response.body, limits);
  const bool theirs = !parsed && parsed.error().message.starts_with("Prometheus says ");
  error.message = theirs ? parsed.error().message : "Prometheus answered: " + response.body.substr(0, 200);
  if (error.is(Error::Kind::NotFound)) error.message = "no Prometheus API at this address (/api/v1/query): check the address and its path";
  if (error.is(Error::Kind::Forbidden)) error.message += ": check the token";
  if (const auto after = response.headers.find("Retry-After"); after != response.headers.end())
    error.retry_after = std::chrono::seconds(std::clamp(std::atoi(after->second.c_str()), 0, 3600));
  return Unexpected(std::move(error));
}

}  // namespace

Client::Client(std::shared_ptr<http::Transport> transport, ClientOptions options)
    : transport_(std::move(transport)), options_(std::move(options)) {}

Expected<Answer> Client::query(const std::string& expression, Time at, std::stop_token stop) const {
  http::Request request;
  request.method = "POST";
  request.target = options_.path_prefix + "/api/v1/query";
  request.headers["Content-Type"] = "application/x-www-form-urlencoded";
  request.headers["Accept"] = "application/json";
  if (!options_.bearer_token.empty()) request.headers["Authorization"] = "Bearer " + options_.bearer_token;
  request.body =
      "query=" + form_encoded(expression) + "&time=" + unix_text(at) + "&timeout=" + std::to_string(options_.timeout.count()) + "ms";
  request.deadline = options_.timeout;
  request.max_body = options_.limits.bytes;
  auto response = transport_->send(request, stop);
  if (!response) return fail("Prometheus", response.error());
  if (response->status != 200) return refused(*response, options_.limits);
  auto answer = parse_answer(response->body, options_.limits);
  if (!answer) return answer;
  if (const auto date = response->headers.find("Date"); date != response->headers.end())
    answer->server_time = parse_http_date(date->second);
  return answer;
}

Expected<Answer> Client::samples(const Selector& selector, Duration window, Time at, std::stop_token stop) const {
  if (window <= Duration::zero()) return fail(Error::Kind::Internal, "a window of " + format_duration(window) + " holds no samples");
  return query(to_string(selector) + "[" + std::to_string(window.count()) + "ms]", at, stop);
}

Expected<std::vector<std::string>> Client::label_values(const Selector& selector, const std::string& label, Time at,
                                                        std::stop_token stop) const {
  auto answer = query("count by (" + label + ") (" + to_string(selector) + ")", at, stop);
  if (!answer) return Unexpected(answer.error());
  std::vector<std::string> values;
  for (const Series& series : answer->series)
    if (const auto found = series.labels.find(label); found != series.labels.end()) values.push_back(found->second);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

Expected<std::optional<double>> Client::value(const std::string& expression, Time at, std::stop_token stop) const {
  auto answer = query(expression, at, stop);
  if (!answer) return Unexpected(answer.error());
  if (!answer->warnings.empty()) return std::optional<double>();  // partial
  if (answer->series.size() > 1)
    return fail(Error::Kind::Invalid, "`" + expression.substr(0, 200) + "` gives " + std::to_string(answer->series.size()) +
                                          " series: aggregate them to one, such as max(...)");
  if (answer->series.empty() || answer->series.front().points.empty()) return std::optional<double>();
  const double value = answer->series.front().points.back().value;
  return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

std::optional<Time> parse_http_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // "Mon, 23 Nov 2026 12:00:00 GMT"
  if (text.size() != 29 || text.substr(25) != " GMT") return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const std::string number = std::to_string(101 + (month - kMonths.begin())).substr(1);
  const std::string iso =
      std::string(text.substr(12, 4)) + "-" + number + "-" + std::string(text.substr(5, 2)) + "T" + std::string(text.substr(17, 8)) + "Z";
  const auto time = parse_time(iso);
  return time ? std::optional<Time>(*time) : std::nullopt;
}

}  // namespace sluice::prometheus
