// The one call that most programs begin with: an HttpApi for a kubeconfig or, without one, for the cluster around the pod.
#pragma once

#include <memory>
#include <string>

#include "controller/kube/http_api.h"
#include "controller/kube/kubeconfig.h"

namespace sluice::kube {

struct ConnectOptions {
  std::string kubeconfig{};  // --kubeconfig; empty: as the environment says
  std::string context{};     // --context; empty: current-context
  // The environment, so that a test can give its own: see ConnectOptions::from_environment().
  std::string kubeconfig_variable{};  // $KUBECONFIG
  std::string home{};                 // $HOME
  InCluster in_cluster{};             // host and port of the environment
  HttpApiOptions http{};

  static ConnectOptions from_environment();
};

struct Connection {
  std::unique_ptr<HttpApi> api;
  std::string ns;                                 // of the context, or of the pod
  std::string server;                             // URL, for messages
  std::shared_ptr<CredentialSource> credentials;  // for further HttpApis of the same identity
};

// A kubeconfig that is named (flag or $KUBECONFIG) wins; then a pod's service account; then ~/.kube/config, as kubectl does.
// Asks nothing of the server yet. Error Invalid says what is missing. The clock must outlive the connection.
Expected<Connection> connect(const ConnectOptions& options, const Clock& clock);

}  // namespace sluice::kube
