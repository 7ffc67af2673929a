// Credential plugins: programs that print an ExecCredential, as cloud providers ship them.
//
// Protocol: client.authentication.k8s.io/v1 (v1beta1 is the same for us),
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"
#include "common/http/transport.h"

namespace sluice::kube {

struct ExecPlugin {
  std::string command;  // absolute, or found in PATH
  std::vector<std::string> args;
  std::map<std::string, std::string> env;  // on top of our own
  std::string api_version = "client.authentication.k8s.io/v1";
  bool provide_cluster_info = false;
  std::string install_hint;
};

struct ExecCredential {
  std::string token;
  std::string client_certificate;  // PEM
  std::string client_key;
  std::optional<Time> expires;  // none: good until the server refuses it
};

// Runs the plugin without a terminal and without stdin; its stderr is ours. Blocks up to `longest`, then kills it and what it
// started. Unavailable: it could not be run, failed or took too long; Corrupt: what it printed is not an ExecCredential.
Expected<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const http::Endpoint& cluster, Duration longest = Duration(60'000));

}  // namespace sluice::kube
