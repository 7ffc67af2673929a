// sluice-judge: for people who want to know before they trust.
//
//   tick_line.h, tick_reader.h, line_reader.h   recorded ticks        history.h   real history out of Prometheus
//   replay.h                                    judging them          false_alarms.h   the service's own pods against each other
//   outlook.h, outlook_plot.h                   how long it will take
//   slo_option.h, report.h, printable.h         words in and out
// run() is the whole program but for the process: main.cpp gives it streams and a transport.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <stop_token>
#include <string>

#include "common/http/transport.h"

namespace sluice::judge_tool {

struct World {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  std::size_t width = 100;     // columns of the terminal
  bool show_progress = false;  // err is a terminal
  std::function<Expected<std::shared_ptr<http::Transport>>(const http::Endpoint&)> connect;
  std::stop_token stop{};
};

// Exit status: 0 done, whatever the verdict; 1 the input cannot be used or Prometheus cannot be asked; 2 wrong usage.
int run(int argc, const char* const* argv, const World& world);

}  // namespace sluice::judge_tool
