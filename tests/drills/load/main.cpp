// drill-load: clients and receiver of tests/drills. The runner says on standard input what they do (stage.h) and reads on standard output
// what becomes of it; the end of the input ends it.
#include <fcntl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "tests/drills/load/stage.h"

namespace {

using namespace courier::drills;

int failed(const sluice::Error& error) {
  std::fprintf(stderr, "drill-load: %s\n", to_string(error).c_str());
  return 1;
}

void say(const nlohmann::json& what) {
  std::printf("%s\n", what.dump().c_str());
  std::fflush(stdout);
}

// Lines of standard input.
class Input final : public Loop::Handler {
 public:
  Input(Loop& loop, Stage& stage) : stage_(stage) {
    ::fcntl(STDIN_FILENO, F_SETFL, ::fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    loop.watch(STDIN_FILENO, EPOLLIN, *this);
  }

  bool ended = false;
  std::optional<sluice::Error> trouble{};

 private:
  void ready(std::uint32_t) override {
    std::array<char, 16 * 1024> piece;
    const auto got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    ended = got <= 0;
    if (ended) return;
    text_.append(piece.data(), static_cast<std::size_t>(got));
    for (std::size_t end = text_.find('\n'); end != std::string::npos && !trouble; end = text_.find('\n')) {
      if (const auto done = stage_.told(text_.substr(0, end)); !done) trouble = done.error();
      text_.erase(0, end + 1);
    }
  }

  Stage& stage_;
  std::string text_;
};

int run(const std::string& history, double start) {
  auto file = LineFile::open(history);
  if (!file) return failed(file.error());
  Loop loop;
  Ledger ledger(std::move(*file), Time(nanoseconds(start)));
  const auto receiver = Receiver::open(loop, ledger);
  if (!receiver) return failed(receiver.error());
  Stage stage(loop, ledger, **receiver, say);
  Input input(loop, stage);
  say({{"receiver", (*receiver)->port()}});
  while (!input.ended && !input.trouble) {
    const Time now = Clock::now();
    stage.work(now);
    loop.wait(stage.due(now) - Clock::now());
  }
  return input.trouble ? failed(*input.trouble) : 0;
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app("Clients of courier and the receiver of its deliveries, on loopback. hack/drill runs it; see tests/drills/load/stage.h.");
  std::string history;
  double start = 0;
  app.add_option("--history", history, "file that the history is appended to")->required();
  app.add_option("--start", start, "when the drill began, seconds of the monotonic clock")->required();
  CLI11_PARSE(app, count, arguments);
  std::signal(SIGPIPE, SIG_IGN);
  rlimit most{};  // thousands of requests may hang at a time
  ::getrlimit(RLIMIT_NOFILE, &most);
  most.rlim_cur = most.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &most);
  return run(history, start);
}
