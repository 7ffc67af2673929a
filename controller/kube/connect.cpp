#include "controller/kube/connect.h"

#include <cstdlib>

namespace sluice::kube {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

ConnectOptions ConnectOptions::from_environment() {
  ConnectOptions out;
  out.kubeconfig_variable = variable("KUBECONFIG");
  out.home = variable("HOME");
  out.in_cluster.host = variable("KUBERNETES_SERVICE_HOST");
  out.in_cluster.port = variable("KUBERNETES_SERVICE_PORT");
  return out;
}

Expected<Connection> connect(const ConnectOptions& options, const Clock& clock) {
  Connection out;
  const bool named = !options.kubeconfig.empty() || !options.kubeconfig_variable.empty() || !options.context.empty();
  if (!named && !options.in_cluster.host.empty()) {
    auto credentials = in_cluster_credentials(options.in_cluster, clock);
    if (!credentials) return Unexpected(credentials.error());
    out.credentials = std::move(*credentials);
    const auto ns = read_text_file(options.in_cluster.directory + "/namespace");
    out.ns = ns && !ns->empty() ? *ns : "default";
  } else {
    KubeconfigOptions kubeconfig;
    kubeconfig.paths = kubeconfig_paths(options.kubeconfig, options.kubeconfig_variable, options.home);
    kubeconfig.context = options.context;
    auto context = load_kubeconfig(kubeconfig, clock);
    if (!context) return Unexpected(context.error());
    out.credentials = context->credentials;
    out.ns = context->ns;
  }
  const auto now = out.credentials->current();
  if (!now) return fail("credentials", now.error());
  out.server = now->endpoint.url + now->path_prefix;
  out.api = std::make_unique<HttpApi>(out.credentials, http::make_transport, options.http);
  return out;
}

}  // namespace sluice::kube
