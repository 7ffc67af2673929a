// Structured logs: one line per record, a message that never varies and fields that do.
//
//   log::info("rollout advanced", {{"rollout", "shop/web"}, {"step", 2}, {"weight", 0.05}});
//   {"time":"2026-11-23T12:00:00.250Z","level":"info","message":"rollout advanced","rollout":"shop/web","step":2,"weight":0.05}
//
// The logger is the one global of the program, set up first in main; before set_up() records go to the console from level
// info on. Thread-safe. Never log secrets, tokens or bodies.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "common/core/error.h"
#include "common/core/time.h"

namespace sluice::log {

enum class Level { Debug, Info, Warn, Error };
enum class Format { Json, Console };

struct Options {
  Format format = Format::Json;
  Level level = Level::Info;
  std::function<void(std::string_view line)> write{};  // empty: standard error; calls are serialised
};

// May be called again; the last call holds.
void set_up(Options options);

// "debug", "info", "warn", "error"; Invalid names the text.
Expected<Level> parse_level(std::string_view text);
// "json", "console"; Invalid names the text.
Expected<Format> parse_format(std::string_view text);

using Value = std::variant<bool, long long, unsigned long long, double, std::string>;

// A key in snake_case and a value; durations are written in seconds. The keys time, level and message are taken.
struct Field {
  std::string_view key;
  Value value;

  template <typename T>
  Field(std::string_view k, T&& v) : key(k), value(make(std::forward<T>(v))) {}

 private:
  template <typename T>
  static Value make(T&& v) {
    using Plain = std::decay_t<T>;
    if constexpr (std::is_same_v<Plain, bool>) return Value(v);
    else if constexpr (std::is_floating_point_v<Plain>) return Value(static_cast<double>(v));
    else if constexpr (std::is_integral_v<Plain> && std::is_signed_v<Plain>) return Value(static_cast<long long>(v));
    else if constexpr (std::is_integral_v<Plain>) return Value(static_cast<unsigned long long>(v));
    else if constexpr (std::is_same_v<Plain, Duration>) return Value(seconds(v));
    else return Value(std::string(std::forward<T>(v)));
  }
};
using Fields = std::initializer_list<Field>;

bool enabled(Level level);
void write(Level level, std::string_view message, Fields fields = {});

inline void debug(std::string_view message, Fields fields = {}) { write(Level::Debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::Info, message, fields); }
inline void warn(std::string_view message, Fields fields = {}) { write(Level::Warn, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::Error, message, fields); }

}  // namespace sluice::log
