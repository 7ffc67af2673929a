#include "controller/kube/credentials.h"

#include <fstream>
#include <mutex>
#include <sstream>

namespace sluice::kube {
namespace {

constexpr std::size_t kMaxFile = 1024 * 1024;

class InClusterCredentials final : public CredentialSource {
 public:
  InClusterCredentials(const InCluster& options, const Clock& clock, Credentials first)
      : options_(options), clock_(clock), credentials_(std::move(first)), read_at_(clock.monotonic()) {}

  Expected<Credentials> current() override {
    std::lock_guard lock(mutex_);
    if (stale_ || clock_.monotonic() - read_at_ >= options_.reread) {
      stale_ = false;
      read_at_ = clock_.monotonic();
      const auto token = read_text_file(options_.directory + "/token");
      if (token && !token->empty()) credentials_.headers["Authorization"] = "Bearer " + *token;
      const auto ca = read_text_file(options_.directory + "/ca.crt");
      if (ca && !ca->empty()) credentials_.endpoint.tls.ca = *ca;
    }
    return credentials_;
  }

  void refused() override {
    std::lock_guard lock(mutex_);
    stale_ = true;
  }

 private:
  const InCluster options_;
  const Clock& clock_;
  std::mutex mutex_;
  Credentials credentials_;
  Duration read_at_;
  bool stale_ = false;
};

}  // namespace

Expected<std::string> read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Error::Kind::Unavailable, "file " + path + " cannot be opened: check that it exists and may be read");
  std::string text(kMaxFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(Error::Kind::Unavailable, "file " + path + " cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxFile) return fail(Error::Kind::Unavailable, "file " + path + " is larger than 1 MiB");
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

Expected<std::shared_ptr<CredentialSource>> in_cluster_credentials(const InCluster& options, const Clock& clock) {
  if (options.host.empty() || options.port.empty())
    return fail(Error::Kind::Invalid, "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; give a kubeconfig");
  const auto token = read_text_file(options.directory + "/token");
  if (!token) return fail("service account token", {Error::Kind::Invalid, token.error().message, 0, {}});
  if (token->empty()) return fail(Error::Kind::Invalid, "service account token " + options.directory + "/token is empty");
  const auto ca = read_text_file(options.directory + "/ca.crt");
  if (!ca) return fail("service account CA", {Error::Kind::Invalid, ca.error().message, 0, {}});
  Credentials credentials;
  const bool ipv6 = options.host.find(':') != std::string::npos && options.host.front() != '[';
  credentials.endpoint.url = "https://" + (ipv6 ? "[" + options.host + "]" : options.host) + ":" + options.port;
  credentials.endpoint.tls.ca = *ca;
  credentials.headers["Authorization"] = "Bearer " + *token;
  return std::make_shared<InClusterCredentials>(options, clock, std::move(credentials));
}

Expected<std::shared_ptr<http::Transport>> TransportCache::get(const http::Endpoint& endpoint) {
  const auto& tls = endpoint.tls;
  std::string key;
  for (const std::string* part : {&endpoint.url, &endpoint.proxy, &tls.ca, &tls.client_certificate, &tls.client_key, &tls.server_name})
    key += *part + '\0';
  key += tls.insecure_skip_verify ? '1' : '0';
  std::lock_guard lock(mutex_);
  if (!transport_ || key != key_) {
    auto made = make_(endpoint);
    if (!made) return Unexpected(made.error());
    transport_ = std::move(*made);
    key_ = std::move(key);
  }
  return transport_;
}

}  // namespace sluice::kube
