#include "controller/kube/exec_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include "common/core/base64.h"
#include "controller/kube/object.h"

extern char** environ;

namespace sluice::kube {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::size_t kMaxOutput = 1024 * 1024;

struct Finished {
  int status = 0;
  std::string output;
  bool timed_out = false;
};

std::string exec_info(const ExecPlugin& plugin, const http::Endpoint& cluster) {
  Json info = {{"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
  if (plugin.provide_cluster_info) {
    Json& out = info["spec"]["cluster"];
    out["server"] = cluster.url;
    if (!cluster.tls.ca.empty()) out["certificate-authority-data"] = base64(cluster.tls.ca);
    if (!cluster.tls.server_name.empty()) out["tls-server-name"] = cluster.tls.server_name;
    if (cluster.tls.insecure_skip_verify) out["insecure-skip-tls-verify"] = true;
    if (!cluster.proxy.empty()) out["proxy-url"] = cluster.proxy;
  }
  return info.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> environment(const ExecPlugin& plugin, const std::string& info) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) all[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  for (const auto& [key, value] : plugin.env) all[key] = value;
  all["KUBERNETES_EXEC_INFO"] = info;
  std::vector<std::string> out;
  for (const auto& [key, value] : all) out.push_back(key + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

int left(SteadyClock::time_point deadline) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
  return static_cast<int>(std::max<long long>(0, ms));
}

// Reads to the end of the child's output and collects the child; kills its whole group at the deadline.
Finished collect(pid_t child, int output, SteadyClock::time_point deadline) {
  Finished out;
  char buffer[4096];
  while (!out.timed_out) {
    pollfd readable{output, POLLIN, 0};
    const int polled = poll(&readable, 1, left(deadline));
    if (polled < 0 && errno == EINTR) continue;
    if (polled <= 0) {
      out.timed_out = true;
      break;
    }
    const ssize_t got = read(output, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.output.append(buffer, static_cast<std::size_t>(got));
    if (out.output.size() > kMaxOutput) break;
  }
  // A child that closed its output may still run.
  while (!out.timed_out && waitpid(child, &out.status, WNOHANG) == 0) {
    if (left(deadline) == 0 || out.output.size() > kMaxOutput) out.timed_out = true;
    else std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (out.timed_out) {
    kill(-child, SIGKILL);
    while (waitpid(child, &out.status, 0) < 0 && errno == EINTR) {}
  }
  return out;
}

Expected<Finished> run(const ExecPlugin& plugin, const std::string& info, Duration longest) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(Error::Kind::Unavailable, std::string("no pipe: ") + std::strerror(errno));
  std::vector<std::string> arguments = plugin.args;
  arguments.insert(arguments.begin(), plugin.command);
  std::vector<std::string> variables = environment(plugin, info);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // a group of its own, to be killed as one
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t child = 0;
  const int failed =
      posix_spawnp(&child, plugin.command.c_str(), &actions, &attributes, pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[1]);
  if (failed != 0) {
    close(ends[0]);
    return fail(Error::Kind::Unavailable, std::string("cannot be started: ") + std::strerror(failed));
  }
  Finished out = collect(child, ends[0], SteadyClock::now() + longest);
  close(ends[0]);
  return out;
}

}  // namespace

Expected<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const http::Endpoint& cluster, Duration longest) {
  const std::string what = "credential plugin " + plugin.command;
  const std::string hint = plugin.install_hint.empty() ? "" : "; " + plugin.install_hint;
  auto finished = run(plugin, exec_info(plugin, cluster), longest);
  if (!finished) return fail(Error::Kind::Unavailable, what + " " + finished.error().message + hint);
  if (finished->output.size() > kMaxOutput) return fail(Error::Kind::Corrupt, what + " printed more than 1 MiB");
  if (finished->timed_out) return fail(Error::Kind::Unavailable, what + " did not end within " + format_duration(longest));
  if (!WIFEXITED(finished->status) || WEXITSTATUS(finished->status) != 0)
    return fail(Error::Kind::Unavailable, what + " failed (" +
                                              (WIFEXITED(finished->status) ? "exit code " + std::to_string(WEXITSTATUS(finished->status))
                                                                           : "signal " + std::to_string(WTERMSIG(finished->status))) +
                                              ")" + hint);
  // What it printed is a secret: no error quotes it.
  const auto json = parse_json(finished->output);
  const auto text = [&](std::initializer_list<std::string_view> path) {
    const Json& value = json ? at(*json, path) : Json();
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  if (!json || text({"kind"}) != "ExecCredential") return fail(Error::Kind::Corrupt, what + " did not print an ExecCredential");
  if (text({"apiVersion"}) != plugin.api_version)
    return fail(Error::Kind::Corrupt,
                what + " speaks \"" + text({"apiVersion"}).substr(0, 80) + "\", the kubeconfig asks for " + plugin.api_version);
  ExecCredential out;
  out.token = text({"status", "token"});
  out.client_certificate = text({"status", "clientCertificateData"});
  out.client_key = text({"status", "clientKeyData"});
  if (out.token.empty() && out.client_certificate.empty())
    return fail(Error::Kind::Corrupt, what + " gave neither a token nor a client certificate");
  if (out.client_certificate.empty() != out.client_key.empty())
    return fail(Error::Kind::Corrupt, what + " gave only one of client certificate and key");
  if (const std::string expires = text({"status", "expirationTimestamp"}); !expires.empty()) {
    const auto time = parse_time(expires);
    if (!time) return fail(what, time.error());
    out.expires = *time;
  }
  return out;
}

}  // namespace sluice::kube
