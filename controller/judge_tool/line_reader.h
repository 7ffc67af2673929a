// Lines of a stream that nobody vouches for: a line has a limit, so 40 MB without a newline cost a message and not the memory.
// Errors name the source and the line. Not thread-safe.
#pragma once

#include <istream>
#include <optional>
#include <string>

#include "common/core/error.h"

namespace sluice::judge_tool {

class LineReader {
 public:
  static constexpr std::size_t kLongest = 1024 * 1024;

  // `name` is what errors call the source: a file's name or "standard input".
  LineReader(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {}

  // The next line without its end; empty at the end of the stream. Corrupt: the line is longer than kLongest, or reading failed.
  Expected<std::optional<std::string>> next();

  int line() const { return line_; }     // of the line that next() gave last, from 1
  bool ended() const { return ended_; }  // whether it ended with a newline: a torn file's last one does not
  std::string place() const { return name_ + ", line " + std::to_string(line_); }

 private:
  std::istream& in_;
  std::string name_;
  int line_ = 0;
  bool ended_ = true;
};

}  // namespace sluice::judge_tool
