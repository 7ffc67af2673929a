// The Kubernetes API over HTTP: paths, queries, paging, retries, watches, and what its answers mean.
//
// Reads are tried again a few times on 429, 5xx and lost connections, waiting as long as Retry-After says; writes never are
// (whether one happened is the caller's question to ask again). A 401 makes the credentials be read anew and the request,
// which was not carried out, be sent once more. Writes carry `timeout`, so that the server gives them up with us: no write
// happens later than write_deadline after its call began.
// Objects of lists and watches come without metadata.managedFields (half of an object's bytes) and always with apiVersion
// and kind. Thread-safe; calls run in parallel. Unary calls and watches use transports of their own, so that no watch ever
// holds a connection that a write waits for.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <stop_token>
#include <string>

#include "common/core/backoff.h"
#include "controller/kube/api.h"
#include "controller/kube/credentials.h"

namespace sluice::kube {

struct HttpApiOptions {
  std::string user_agent = "sluice";
  Duration read_deadline{30'000};  // one get, or one page of a list
  Duration write_deadline{4'000};  // below the stop margin of leader election (15 s - 10 s)
  Duration watch_idle{150'000};    // longest silence of a watch; the server sends a bookmark about every minute
  std::size_t max_event_bytes = 16 * 1024 * 1024;
  int read_attempts = 4;
  Backoff backoff{Duration(200), Duration(5'000)};
  Duration longest_wait{10'000};  // Retry-After beyond this is reported instead of waited for
  // Ends reads and watches with Cancelled. Writes come to their end: one that is abandoned may still happen after the lease
  // was given up, and the lease itself is given up by a write.
  std::stop_token stop{};
  // How to wait between attempts and where chance comes from, for tests; empty: really wait, and a seeded generator.
  std::function<void(Duration, std::stop_token)> wait{};
  std::function<double()> unit{};  // uniform in [0, 1); called from any thread
};

class HttpApi final : public Api {
 public:
  // `make` makes a transport for an endpoint: http::make_transport outside of tests.
  HttpApi(std::shared_ptr<CredentialSource> credentials, TransportCache::Make make, HttpApiOptions options = {});

  Expected<Json> get(const Resource& resource, const Name& name) override;
  Expected<List> list(const Resource& resource, const ListOptions& options = {}) override;
  Expected<Json> create(const Resource& resource, const Json& object, const WriteOptions& options = {}) override;
  Expected<Json> update(const Resource& resource, const Json& object, const WriteOptions& options = {}) override;
  Expected<Json> patch(const Resource& resource, const Name& name, PatchType type, const Json& patch,
                       const WriteOptions& options = {}) override;
  Expected<void> remove(const Resource& resource, const Name& name, const DeleteOptions& options = {}) override;
  Expected<void> watch(const Resource& resource, const WatchOptions& options, const OnWatchEvent& on_event, std::stop_token stop) override;

  // GET of any path, such as "/version" or "/readyz"; the answer's body as text.
  Expected<std::string> get_raw(const std::string& target);

 private:
  // One exchange; a 401 is tried again with fresh credentials.
  Expected<http::Response> exchange(http::Request request, std::stop_token stop);
  Expected<http::Response> read(const std::string& target, const std::string& what);
  Expected<Json> write(http::Request request, const std::string& what, const Json* json_patch = nullptr);

  std::shared_ptr<CredentialSource> credentials_;
  TransportCache unary_;
  TransportCache streams_;
  HttpApiOptions options_;
};

}  // namespace sluice::kube
