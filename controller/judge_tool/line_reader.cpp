#include "controller/judge_tool/line_reader.h"

namespace sluice::judge_tool {

Expected<std::optional<std::string>> LineReader::next() {
  std::string line;
  std::streambuf* buffer = in_.rdbuf();
  constexpr int kEnd = std::char_traits<char>::eof();
  int c = buffer == nullptr ? kEnd : buffer->sbumpc();
  if (c == kEnd) {
    if (buffer == nullptr || in_.bad()) return fail(Error::Kind::Corrupt, name_ + " cannot be read");
    return std::optional<std::string>();
  }
  ++line_;
  for (; c != kEnd && c != '\n'; c = buffer->sbumpc()) {
    if (line.size() == kLongest)
      return fail(Error::Kind::Corrupt,
                  place() + ": longer than " + std::to_string(kLongest) + " bytes: give one JSON object per line, ended by a newline");
    line += static_cast<char>(c);
  }
  ended_ = c == '\n';
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return std::optional<std::string>(std::move(line));
}

}  // namespace sluice::judge_tool
