#include "tests/drills/load/lines.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

namespace courier::drills {
namespace {

constexpr std::size_t kKept = 64 * 1024;

void append(std::string& line, double value, int digits) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits).ptr;
  line.append(text.data(), end);
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);  // text may be what somebody sent
}

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::Read: return "read";
    case Kind::Write: return "write";
    case Kind::Repeat: return "repeat";
  }
  return "";
}

}  // namespace

std::string history_line(Nanoseconds t, std::string_view type, std::string_view key, std::string_view more, std::string_view text) {
  std::string line = "{\"t\": ";
  append(line, seconds(t), 4);
  line.append(", \"type\": \"").append(type).append("\", \"key\": ").append(json_text(key));
  if (!more.empty()) line.append(", \"").append(more).append("\": ").append(json_text(text));
  return line + "}\n";
}

std::string request_line(const Outcome& outcome) {
  std::string line = "{\"sent\": ";
  append(line, seconds(outcome.sent), 6);
  line += ", \"seconds\": ";
  append(line, seconds(outcome.took), 6);
  line.append(", \"kind\": \"").append(name(outcome.kind)).append(outcome.ok ? "\", \"ok\": true" : "\", \"ok\": false");
  if (!outcome.ok) line.append(", \"why\": ").append(json_text(outcome.why));
  const std::array<std::pair<std::string_view, bool>, 5> flags{{{"retried", outcome.retried},
                                                                {"late", outcome.late},
                                                                {"shed", outcome.shed},
                                                                {"conflict", outcome.conflict},
                                                                {"unauthorized", outcome.unauthorized}}};
  for (const auto& [flag, is] : flags) {
    if (is) line.append(", \"").append(flag).append("\": true");
  }
  return line + "}\n";
}

sluice::Expected<LineFile> LineFile::open(const std::string& path) {
  wire::Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (file.number < 0) return sluice::fail(sluice::Error::Kind::Unavailable, "cannot open '" + path + "': " + std::strerror(errno));
  return LineFile(std::move(file));
}

void LineFile::add(const std::string& line) {
  kept_ += line;
  if (kept_.size() >= kKept) flush();
}

void LineFile::flush() {
  if (kept_.empty()) return;
  // One write, so that it stays in one piece beside what others append.
  if (::write(file_.number, kept_.data(), kept_.size()) != static_cast<ssize_t>(kept_.size())) {
    std::perror("drill-load: cannot write what was seen");
    std::abort();
  }
  kept_.clear();
}

}  // namespace courier::drills
