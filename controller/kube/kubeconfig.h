// Kubeconfig files, with the rules of kubectl: several files merged (the first to say something wins), contexts, inline data
// or files (relative to the kubeconfig that names them), tokens, client certificates, exec plugins, impersonation.
// Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/core/clock.h"
#include "controller/kube/credentials.h"

namespace sluice::kube {

struct KubeconfigOptions {
  std::vector<std::string> paths;  // see kubeconfig_paths()
  std::string context;             // empty: current-context
  Duration reread{60'000};         // files that the kubeconfig names are read again after this long
};

struct KubeContext {
  std::string name;
  std::string ns = "default";  // of the context
  std::string cluster;
  std::string user;
  std::shared_ptr<CredentialSource> credentials;
};

// The files to read: `given` (a --kubeconfig flag) alone if it is not empty, else the parts of $KUBECONFIG, else
// ~/.kube/config. Of several files those that do not exist are skipped, as kubectl does.
std::vector<std::string> kubeconfig_paths(const std::string& given, const std::string& kubeconfig_variable, const std::string& home);

// Reads, merges and resolves; runs no plugin yet. Invalid: what is missing or wrong, with file and field. The clock must
// outlive the credentials.
Expected<KubeContext> load_kubeconfig(const KubeconfigOptions& options, const Clock& clock);

}  // namespace sluice::kube
