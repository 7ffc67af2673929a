#include "common/core/time.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace sluice {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

std::string format_with_fraction(Time time, int digits) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{sys_days(day)};
  const auto of_day = (time - day).count();
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(of_day / 3600000),
                static_cast<int>(of_day / 60000 % 60), static_cast<int>(of_day / 1000 % 60));
  std::string out = text.data();
  if (digits > 0) {
    std::snprintf(text.data(), text.size(), ".%03d", static_cast<int>(of_day % 1000));
    out += text.data();
    out.append(static_cast<std::size_t>(digits) - 3, '0');
  }
  return out + "Z";
}

bool read_number(std::string_view text, std::size_t at, std::size_t digits, int& out) {
  if (at + digits > text.size()) return false;
  out = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  return true;
}

}  // namespace

std::string format_time(Time time) { return format_with_fraction(time, time.time_since_epoch().count() % 1000 == 0 ? 0 : 3); }

std::string format_micro_time(Time time) { return format_with_fraction(time, 6); }

Expected<Time> parse_time(std::string_view text) {
  const auto bad = [&] {
    return fail(Error::Kind::Invalid, "time \"" + std::string(text.substr(0, 64)) + "\" is not RFC 3339, such as 2026-11-23T12:00:00Z");
  };
  int year, month, day, hour, minute, second;
  if (!read_number(text, 0, 4, year) || !read_number(text, 5, 2, month) || !read_number(text, 8, 2, day) ||
      !read_number(text, 11, 2, hour) || !read_number(text, 14, 2, minute) || !read_number(text, 17, 2, second))
    return bad();
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') return bad();
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return bad();
  Time time = sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) + Duration(0);
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    int scale = 100, fraction = 0;
    const std::size_t first = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) fraction += scale * (text[at] - '0');
    if (at == first) return bad();
    time += Duration(fraction);
  }
  if (at + 1 == text.size() && (text[at] == 'Z' || text[at] == 'z')) return time;
  int offset_hours, offset_minutes;
  if (at + 6 != text.size() || (text[at] != '+' && text[at] != '-') || text[at + 3] != ':' || !read_number(text, at + 1, 2, offset_hours) ||
      !read_number(text, at + 4, 2, offset_minutes))
    return bad();
  const auto offset = std::chrono::hours(offset_hours) + std::chrono::minutes(offset_minutes);
  return text[at] == '+' ? time - offset : time + offset;
}

std::string format_duration(Duration duration) {
  auto ms = duration.count();
  if (ms == 0) return "0s";
  std::string out;
  if (ms < 0) {
    out = "-";
    ms = -ms;
  }
  if (ms >= 3600000) out += std::to_string(ms / 3600000) + "h";
  if (ms / 60000 % 60 != 0) out += std::to_string(ms / 60000 % 60) + "m";
  const auto rest = ms % 60000;
  if (rest == 0) return out;
  if (rest % 1000 == 0) return out + std::to_string(rest / 1000) + "s";
  if (ms < 1000) return out + std::to_string(rest) + "ms";
  std::string fraction = std::to_string(rest % 1000 + 1000).substr(1);
  while (fraction.back() == '0') fraction.pop_back();
  return out + std::to_string(rest / 1000) + "." + fraction + "s";
}

Expected<Duration> parse_duration(std::string_view text) {
  const auto bad = [&] {
    return fail(Error::Kind::Invalid, "\"" + std::string(text.substr(0, 64)) +
                                          "\" is not a duration: write a number and a unit, such as 30s, 5m, 1h30m or 250ms");
  };
  constexpr double kLongestMs = 100.0 * 365 * 24 * 3600 * 1000;
  if (text == "0") return Duration(0);
  if (text.empty()) return bad();
  double total_ms = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    double value = 0, scale = 1;
    bool digits = false, point = false;
    for (; at < text.size(); ++at) {
      const char c = text[at];
      if (c >= '0' && c <= '9') {
        digits = true;
        if (point) scale /= 10;
        value = point ? value + scale * (c - '0') : value * 10 + (c - '0');
      } else if (c == '.' && !point) {
        point = true;
      } else {
        break;
      }
    }
    if (!digits) return bad();
    const std::string_view rest = text.substr(at);
    struct Unit {
      std::string_view name;
      double ms;
    };
    constexpr std::array<Unit, 6> kUnits{{{"ms", 1}, {"us", 1e-3}, {"ns", 1e-6}, {"h", 3600000}, {"m", 60000}, {"s", 1000}}};
    const Unit* found = nullptr;
    for (const Unit& unit : kUnits)
      if (found == nullptr && rest.substr(0, unit.name.size()) == unit.name) found = &unit;
    if (found == nullptr) return bad();
    at += found->name.size();
    total_ms += value * found->ms;
    if (!(total_ms <= kLongestMs)) return bad();
  }
  return Duration(static_cast<long long>(std::llround(total_ms)));
}

}  // namespace sluice
