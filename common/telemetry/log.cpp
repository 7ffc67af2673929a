// The only file that includes spdlog.
#include "common/telemetry/log.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

namespace sluice::log {
namespace {

using Json = nlohmann::ordered_json;

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& record) override { write_({record.payload.data(), record.payload.size()}); }
  void flush_() override {}

  std::function<void(std::string_view)> write_;
};

struct Logger {
  std::shared_ptr<spdlog::logger> out;
  Format format = Format::Console;
};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::Debug: return spdlog::level::debug;
    case Level::Info: return spdlog::level::info;
    case Level::Warn: return spdlog::level::warn;
    case Level::Error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view name(Level level) {
  switch (level) {
    case Level::Debug: return "debug";
    case Level::Info: return "info";
    case Level::Warn: return "warn";
    case Level::Error: return "error";
  }
  return "error";
}

std::shared_ptr<const Logger> make(Options options) {
  spdlog::sink_ptr sink;
  if (options.write) {
    sink = std::make_shared<FunctionSink>(std::move(options.write));
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink->set_pattern("%v");
  }
  auto out = std::make_shared<spdlog::logger>("sluice", std::move(sink));
  out->set_level(to_spdlog(options.level));
  out->flush_on(spdlog::level::debug);
  return std::make_shared<const Logger>(Logger{std::move(out), options.format});
}

std::shared_ptr<const Logger>& current() {
  static std::shared_ptr<const Logger> logger = make({.format = Format::Console});
  return logger;
}

Json to_json(const Value& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

// Bytes that are not UTF-8 are replaced: a log line must never fail.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string as_json(std::string_view time, Level level, std::string_view message, Fields fields) {
  Json record;
  record["time"] = time;
  record["level"] = name(level);
  record["message"] = message;
  for (const Field& field : fields) {
    const bool taken = field.key == "time" || field.key == "level" || field.key == "message";
    record[(taken ? "field_" : "") + std::string(field.key)] = to_json(field.value);
  }
  return text_of(record);
}

std::string as_text(std::string_view time, Level level, std::string_view message, Fields fields) {
  std::string line = std::string(time) + " " + std::string(name(level)) + " ";
  // A newline in a message must not look like a second record.
  for (const char c : message) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  for (const Field& field : fields) {
    line += " " + std::string(field.key) + "=";
    const auto* text = std::get_if<std::string>(&field.value);
    const bool plain = text && !text->empty() && text->find_first_of(" \t\r\n\"\\=") == std::string::npos;
    line += plain ? *text : text_of(to_json(field.value));
  }
  return line;
}

}  // namespace

void set_up(Options options) { std::atomic_store(&current(), make(std::move(options))); }

Expected<Level> parse_level(std::string_view text) {
  for (const Level level : {Level::Debug, Level::Info, Level::Warn, Level::Error}) {
    if (text == name(level)) return level;
  }
  return fail(Error::Kind::Invalid, "log level '" + std::string(text) + "' is unknown; use debug, info, warn or error");
}

Expected<Format> parse_format(std::string_view text) {
  if (text == "json") return Format::Json;
  if (text == "console") return Format::Console;
  return fail(Error::Kind::Invalid, "log format '" + std::string(text) + "' is unknown; use json or console");
}

bool enabled(Level level) { return std::atomic_load(&current())->out->should_log(to_spdlog(level)); }

void write(Level level, std::string_view message, Fields fields) {
  const auto logger = std::atomic_load(&current());
  if (!logger->out->should_log(to_spdlog(level))) return;
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  std::string time = format_time(now);
  if (time.find('.') == std::string::npos) time.insert(time.size() - 1, ".000");
  const std::string line = logger->format == Format::Json ? as_json(time, level, message, fields) : as_text(time, level, message, fields);
  logger->out->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace sluice::log
