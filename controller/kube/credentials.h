// Where the API server is and who we are to it, at this moment: tokens, CAs and client certificates rotate under a running
// process, so they are asked for before every request and a source answers from its cache while that is fresh.
//
// Sources: StaticCredentials (tests, fixed), in_cluster_credentials (a pod's service account), and those of a kubeconfig
// (kubeconfig.h). All are thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "common/core/clock.h"
#include "common/core/error.h"
#include "common/http/transport.h"

namespace sluice::kube {

struct Credentials {
  http::Endpoint endpoint;
  std::string path_prefix;  // "/k8s/clusters/c-1" for servers behind a path, else ""
  http::Headers headers;    // Authorization, Impersonate-*
};

class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // Invalid: the configuration is wrong; Unavailable: a file or a plugin failed now and may work later.
  virtual Expected<Credentials> current() = 0;
  // The server answered 401 to what current() gave: do not answer from a cache next time.
  virtual void refused() {}
};

class StaticCredentials final : public CredentialSource {
 public:
  explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Expected<Credentials> current() override { return credentials_; }

 private:
  Credentials credentials_;
};

struct InCluster {
  std::string host;                                                         // $KUBERNETES_SERVICE_HOST
  std::string port;                                                         // $KUBERNETES_SERVICE_PORT
  std::string directory = "/var/run/secrets/kubernetes.io/serviceaccount";  // token, ca.crt, namespace
  Duration reread{60'000};  // kubelet rotates tokens at 80 % of their life; client-go reads once a minute, too
};

// Invalid if host or port are empty (not running in a pod), or token or CA cannot be read now. Files that vanish or are
// empty later (a rotation in progress) keep the last good value in use.
Expected<std::shared_ptr<CredentialSource>> in_cluster_credentials(const InCluster& options, const Clock& clock);

// The whole file without the white space at its end. Unavailable if it cannot be read or is larger than 1 MiB.
Expected<std::string> read_text_file(const std::string& path);

// One transport for the credentials of the moment: made anew only when endpoint or TLS material changed. Thread-safe.
class TransportCache {
 public:
  using Make = std::function<Expected<std::shared_ptr<http::Transport>>(const http::Endpoint&)>;
  explicit TransportCache(Make make) : make_(std::move(make)) {}
  Expected<std::shared_ptr<http::Transport>> get(const http::Endpoint& endpoint);

 private:
  Make make_;
  std::mutex mutex_;
  std::string key_;
  std::shared_ptr<http::Transport> transport_;
};

}  // namespace sluice::kube
