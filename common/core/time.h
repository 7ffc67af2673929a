// Points in time and lengths of time, as the Kubernetes API writes them.
//
// Time is UTC in milliseconds since 1970; it comes from a Clock (clock.h), never from the system directly. Text form is
// RFC 3339 ("2026-11-23T12:00:00Z", with ".250" where the milliseconds are not zero). Durations are written as in Go:
// "1h30m", "250ms", "15s".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace sluice {

using Duration = std::chrono::milliseconds;
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

// RFC 3339 in UTC; with_fraction writes always three digits of milliseconds.
std::string format_time(Time time);
// Like format_time, but with six fractional digits as MicroTime fields (Lease, Event) need.
std::string format_micro_time(Time time);
// Accepts any RFC 3339 offset and fraction; error Invalid names the text.
Expected<Time> parse_time(std::string_view text);

// "1h2m3s", "250ms", "0s". Rounded to milliseconds.
std::string format_duration(Duration duration);
// Units h, m, s, ms, us, ns as in Go; also a bare "0". Negative lengths, missing units, more than 100 years: Invalid.
Expected<Duration> parse_duration(std::string_view text);

inline double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline double unix_seconds(Time t) { return seconds(t.time_since_epoch()); }
inline Time from_unix_seconds(double s) { return Time(Duration(static_cast<long long>(s * 1000.0 + (s < 0 ? -0.5 : 0.5)))); }

}  // namespace sluice
