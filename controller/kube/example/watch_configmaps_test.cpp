// The example is run as a program against an API server of this test: over real HTTP, with a kubeconfig.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>

#include "common/http/server.h"
#include "controller/kube/object.h"

extern char** environ;

namespace sluice::kube {
namespace {

std::string config_map(const std::string& name, const std::string& version, const Json& data) {
  return Json{{"kind", "ConfigMap"},
              {"apiVersion", "v1"},
              {"data", data},
              {"metadata", {{"namespace", "shop"}, {"name", name}, {"uid", "u-" + name}, {"resourceVersion", version}}}}
      .dump();
}

std::string event(const std::string& type, const std::string& object) { return "{\"type\":\"" + type + "\",\"object\":" + object + "}\n"; }

// Reads lines until there are `count`, or the end, or 60 s of silence.
std::vector<std::string> read_lines(int from, std::size_t count) {
  std::vector<std::string> lines;
  std::string line;
  while (lines.size() < count) {
    pollfd readable{from, POLLIN, 0};
    char c = 0;
    if (poll(&readable, 1, 60'000) <= 0 || read(from, &c, 1) <= 0) break;
    if (c == '\n') lines.push_back(std::exchange(line, ""));
    else line += c;
  }
  return lines;
}

TEST(WatchConfigMaps, PrintsWhatTheListAndTheWatchTell) {
  std::atomic<int> watches = 0;
  auto server = http::serve({.address = "127.0.0.1"}, [&](http::IncomingRequest request, http::ReplyPtr reply) {
    if (request.path != "/api/v1/configmaps") return reply->send({404, {}, "{}"});
    if (request.query.find("sendInitialEvents") != std::string::npos)  // a server of old, so that the fallback runs, too
      return reply->send({422, {}, R"({"kind":"Status","code":422,"reason":"Invalid","message":"sendInitialEvents: Forbidden"})"});
    if (request.query.find("watch=true") == std::string::npos)
      return reply->send({200, {}, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" + config_map("a", "1", {{"k", "v"}}) + "]}"});
    if (watches++ > 0) return reply->send({200, {}, ""});
    EXPECT_NE(request.query.find("resourceVersion=10"), std::string::npos);
    reply->send({200, {}, event("ADDED", config_map("b", "11", {{"k", "v"}, {"l", "w"}})) + event("DELETED", config_map("a", "12", {}))});
  });
  ASSERT_TRUE(server) << to_string(server.error());

  const std::string kubeconfig = testing::TempDir() + "watch_configmaps_" + std::to_string(getpid());
  std::ofstream(kubeconfig)
      << "{current-context: c, contexts: [{name: c, context: {cluster: k}}], clusters: [{name: k, cluster: {server: 'http://127.0.0.1:"
      << (*server)->port() << "'}}]}";
  setenv("KUBECONFIG", kubeconfig.c_str(), 1);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string program = WATCH_CONFIGMAPS;
  char* arguments[] = {program.data(), nullptr};
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  std::map<std::string, int> lines;
  // The queue may join a's two changes into one line: it tells the present state, not the history.
  for (bool b = false, gone = false; !(b && gone);) {
    const auto line = read_lines(ends[0], 1);
    if (line.empty()) break;
    ++lines[line[0]];
    b = b || line[0] == "shop/b has 2 keys";
    gone = gone || line[0] == "shop/a is gone";
  }
  EXPECT_EQ(lines["shop/b has 2 keys"], 1);
  EXPECT_EQ(lines["shop/a is gone"], 1);
  kill(child, SIGTERM);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  close(ends[0]);
  std::remove(kubeconfig.c_str());
}

}  // namespace
}  // namespace sluice::kube
