#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "controller/judge_tool/tool.h"

namespace {

std::size_t columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return std::clamp<std::size_t>(size.ws_col, 40, 200);
  return 100;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // `| head` ends it quietly
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  return sluice::judge_tool::run(argc, argv,
                                 {std::cin, std::cout, std::cerr, columns(), isatty(STDERR_FILENO) == 1, sluice::http::make_transport});
}
