// Where faults may be injected: nowhere that somebody depends on. In a pod courier-drill reads its own namespace from the API
// server before it injects anything, and does not start where the namespace is labelled as production. What cannot be read counts
// as production, so its service account needs the right to get its own namespace. Outside of a cluster there is nothing to read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/http/transport.h"
#include "sample-service/domain/message.h"

namespace courier {

using Labels = std::map<std::string, std::string>;

// The first label that calls a namespace production, as "key=value"; empty: none does. Keys: environment and env, with any prefix
// ("example.com/environment"); values: production and prod, in any case.
std::string production_label(const Labels& labels);

// The labels of a namespace. Errors: Forbidden, NotFound, Corrupt, and those of Transport::send.
Expected<Labels> namespace_labels(sluice::http::Transport& api, const std::string& name, const std::string& token);

// What a pod is given by Kubernetes.
struct Surroundings {
  std::function<std::optional<std::string>(const std::string& variable)> environment;
  std::string account = "/var/run/secrets/kubernetes.io/serviceaccount";  // folder of token, ca.crt and namespace
  std::function<Expected<std::shared_ptr<sluice::http::Transport>>(const sluice::http::Endpoint&)> connect = sluice::http::make_transport;
};

// Error Forbidden says why not, and what to do. Blocks for at most ten seconds.
Expected<void> may_inject(const Surroundings& pod);

}  // namespace courier
