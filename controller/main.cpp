// sluice-operator: reads its flags and puts the parts together. Nothing is decided here.
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>

#include "common/core/clock.h"
#include "common/http/server.h"
#include "common/http/transport.h"
#include "common/telemetry/health.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "controller/kube/http_api.h"
#include "controller/kube/kubeconfig.h"
#include "controller/operator/operator.h"

namespace {

using namespace sluice;

struct Flags {
  op::OperatorOptions options;
  std::string gate = "Auto";
  std::string kubeconfig, context;
  std::string log_format = "json", log_level = "info";
  std::uint16_t metrics_port = 8080, probe_port = 8081;
  std::string lease_ns;
};

std::string variable(const char* name, const std::string& otherwise = "") {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

void describe(CLI::App& app, Flags& flags) {
  app.description(
      "Sluice: progressive delivery on Kubernetes. Watches Rollouts, proves new pod templates on a canary shard and hands proven\n"
      "pods over to their Deployment. Inside a pod it uses the pod's service account; elsewhere a kubeconfig.");
  app.footer(
      "Examples:\n"
      "  sluice-operator --prometheus http://prometheus.monitoring:9090\n"
      "  sluice-operator --kubeconfig ~/.kube/config --context dev --namespace shop --log-format console");
  app.add_option("--prometheus", flags.options.prometheus,
                 "Address of the Prometheus that Rollouts are judged by unless they name their own");
  app.add_option("--allow-url", flags.options.allowed_urls, "A further Prometheus address that a Rollout may name; repeatable");
  app.add_option("--namespace", flags.options.ns, "Watch only this namespace (default: all)");
  app.add_option("--gate", flags.gate,
                 "How edited Deployments are held: Policy (by the API server, Kubernetes 1.36 and later), Pause (they stay paused\n"
                 "between runs), Auto (Policy where it is served)")
      ->check(CLI::IsMember({"Auto", "Policy", "Pause"}))
      ->capture_default_str();
  app.add_option("--kubeconfig", flags.kubeconfig, "Kubeconfig file (default: in-cluster, then $KUBECONFIG, then ~/.kube/config)");
  app.add_option("--context", flags.context, "Context of the kubeconfig");
  app.add_option("--workers", flags.options.workers, "Rollouts that are worked on at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("!--no-leader-election", flags.options.leader_election, "Run without a Lease: for one process only");
  app.add_option("--lease-namespace", flags.lease_ns, "Namespace of the Lease (default: $POD_NAMESPACE, then sluice-system)");
  app.add_option("--metrics-port", flags.metrics_port, "Port of /metrics")->capture_default_str();
  app.add_option("--probe-port", flags.probe_port, "Port of /startupz, /livez and /readyz")->capture_default_str();
  app.add_option("--log-format", flags.log_format, "json or console")->check(CLI::IsMember({"json", "console"}))->capture_default_str();
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")->capture_default_str();
  app.set_version_flag("--version", SLUICE_VERSION);
}

Expected<std::shared_ptr<kube::CredentialSource>> credentials(const Flags& flags, const Clock& clock) {
  const std::string host = variable("KUBERNETES_SERVICE_HOST");
  if (flags.kubeconfig.empty() && flags.context.empty() && !host.empty())
    return kube::in_cluster_credentials({host, variable("KUBERNETES_SERVICE_PORT", "443")}, clock);
  kube::KubeconfigOptions options;
  options.paths = kube::kubeconfig_paths(flags.kubeconfig, variable("KUBECONFIG"), variable("HOME"));
  options.context = flags.context;
  auto context = kube::load_kubeconfig(options, clock);
  if (!context) return Unexpected(context.error());
  return context->credentials;
}

// Is MutatingAdmissionPolicy served? Discovery is open to every user.
Expected<bool> gate_is_served(kube::HttpApi& api) {
  const auto served = api.get_raw("/apis/admissionregistration.k8s.io/v1");
  if (!served) return Unexpected(served.error());
  return served->find("\"mutatingadmissionpolicies\"") != std::string::npos;
}

Expected<std::unique_ptr<http::Server>> serve_text(std::uint16_t port, std::function<http::Response(const std::string& path)> answer) {
  http::ServerOptions options;
  options.port = port;
  return http::serve(options, [answer](http::IncomingRequest request, http::ReplyPtr reply) { reply->send(answer(request.path)); });
}

int complain(const Error& error) {
  log::error("cannot go on", {{"error", to_string(error)}});
  return 1;
}

int run(Flags flags, std::stop_source stop) {
  const SystemClock clock;
  metrics::Registry metrics;
  telemetry::Health health(clock);
  metrics.gauge("sluice_build_info", "Always 1", {{"version", SLUICE_VERSION}}).set(1);

  const auto who = credentials(flags, clock);
  if (!who) return complain(who.error());
  kube::HttpApiOptions api_options;
  api_options.user_agent = std::string("sluice-operator/") + SLUICE_VERSION;
  api_options.stop = stop.get_token();
  kube::HttpApi api(*who, http::make_transport, api_options);
  // The Lease has calls of its own that end soon: one that is slow must not cost the renewal after it.
  api_options.read_deadline = api_options.write_deadline = Duration(4'000);
  api_options.read_attempts = 1;
  kube::HttpApi lease_api(*who, http::make_transport, api_options);

  const auto metrics_server = serve_text(flags.metrics_port, [&](const std::string& path) {
    return path == "/metrics" ? metrics.answer() : http::Response{404, {{"content-type", "text/plain"}}, "try /metrics\n"};
  });
  if (!metrics_server) return complain(metrics_server.error());
  const auto probe_server = serve_text(flags.probe_port, [&](const std::string& path) {
    return health.answer(path).value_or(http::Response{404, {{"content-type", "text/plain"}}, "try /readyz or /livez\n"});
  });
  if (!probe_server) return complain(probe_server.error());

  if (flags.gate == "Auto") {
    const auto served = gate_is_served(api);
    if (!served) return complain(served.error());
    flags.options.gate_by_policy = *served;
  } else {
    flags.options.gate_by_policy = flags.gate == "Policy";
  }
  flags.options.lease.ns = flags.lease_ns.empty() ? variable("POD_NAMESPACE", "sluice-system") : flags.lease_ns;
  flags.options.identity =
      variable("POD_NAME", "sluice-operator") + "_" + std::to_string(::getpid()) + "_" + std::to_string(std::random_device{}());
  const auto ended = op::run_operator(api, lease_api, flags.options, clock, metrics, health, stop.get_token());
  if (!ended) return complain(ended.error());
  log::info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app;
  describe(app, flags);
  CLI11_PARSE(app, argc, argv);
  log::Options logs;
  if (const auto level = log::parse_level(flags.log_level)) logs.level = *level;
  else return std::cerr << "sluice-operator: --log-level: " << level.error().message << "\n", 2;
  if (const auto format = log::parse_format(flags.log_format)) logs.format = *format;
  log::set_up(logs);

  // Signals are taken by one thread, so that no handler runs in the middle of anything.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::stop_source stop;
  std::jthread listener([signals, stop]() mutable {
    int signal = 0;
    sigwait(&signals, &signal);
    log::info("stopping", {{"signal", signal}});
    stop.request_stop();
  });
  const int code = run(std::move(flags), stop);
  if (!stop.stop_requested()) pthread_kill(listener.native_handle(), SIGTERM);
  return code;
}
