// What is written down, a JSON object a line: the history that tests/drills/history.py judges, and each request for gates.py. Pure, but
// for LineFile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "tests/drills/load/course.h"
#include "tests/wire/descriptor.h"

namespace courier::drills {

// {"t": 1.25, "type": "ok", "key": "key-3", "id": "..."}; `more` is the name of the last member (id or why), empty: none. t: since the
// drill's start.
std::string history_line(Nanoseconds t, std::string_view type, std::string_view key, std::string_view more = {},
                         std::string_view text = {});

// The fields of clients.py's Request, those that are false left out.
std::string request_line(const Outcome& outcome);

// Appends whole lines to a file that others may append to as well. What is kept back is written by flush() and at its end.
class LineFile {
 public:
  // Unavailable: cannot be opened.
  static sluice::Expected<LineFile> open(const std::string& path);
  ~LineFile() { flush(); }
  LineFile(LineFile&&) = default;
  LineFile& operator=(LineFile&&) = delete;

  void add(const std::string& line);
  // Ends the process if the file cannot be written: without its history a drill says nothing.
  void flush();

 private:
  explicit LineFile(wire::Descriptor file) : file_(std::move(file)) {}
  wire::Descriptor file_;
  std::string kept_;
};

}  // namespace courier::drills
