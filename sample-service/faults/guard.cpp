#include "sample-service/faults/guard.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using sluice::http::Endpoint;
using sluice::http::Request;
using sluice::http::Transport;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Expected<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) return fail(Error::Kind::NotFound, path + " cannot be read: the pod has no service account token");
  return text;
}

// host:port of a URL; an IPv6 address in brackets.
std::string authority(const std::string& host, const std::string& port) {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

Expected<Labels> own_namespace(const Surroundings& pod, const std::string& host) {
  const auto token = read_file(pod.account + "/token");
  const auto ca = read_file(pod.account + "/ca.crt");
  const auto name = read_file(pod.account + "/namespace");
  for (const auto* file : {&token, &ca, &name}) {
    if (!*file) return tl::make_unexpected(file->error());
  }
  Endpoint endpoint;
  endpoint.url = "https://" + authority(host, pod.environment("KUBERNETES_SERVICE_PORT").value_or("443"));
  endpoint.tls.ca = *ca;
  const auto api = pod.connect(endpoint);
  if (!api) return tl::make_unexpected(api.error());
  return namespace_labels(**api, *name, *token);
}

}  // namespace

std::string production_label(const Labels& labels) {
  for (const auto& [key, value] : labels) {
    const auto slash = key.rfind('/');
    const std::string name = lower(slash == std::string::npos ? key : key.substr(slash + 1));
    const std::string meaning = lower(value);
    if ((name == "environment" || name == "env") && (meaning == "production" || meaning == "prod")) return key + "=" + value;
  }
  return {};
}

Expected<Labels> namespace_labels(Transport& api, const std::string& name, const std::string& token) {
  Request request;
  request.target = "/api/v1/namespaces/" + name;
  request.headers["Authorization"] = "Bearer " + token;
  request.headers["Accept"] = "application/json";
  const auto answer = api.send(request);
  if (!answer) return tl::make_unexpected(answer.error());
  if (answer->status != 200) {
    const bool gone = answer->status == 404;
    return fail(gone ? Error::Kind::NotFound : Error::Kind::Forbidden, "the API server answered HTTP " + std::to_string(answer->status));
  }
  const auto object = nlohmann::json::parse(answer->body, nullptr, false);
  if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object()) {
    return fail(Error::Kind::Corrupt, "the API server's answer is no namespace");
  }
  Labels labels;
  const auto found = object["metadata"].find("labels");
  if (found == object["metadata"].end()) return labels;
  if (!found->is_object()) return fail(Error::Kind::Corrupt, "metadata.labels is no object");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) return fail(Error::Kind::Corrupt, "metadata.labels." + key + " is no text");
    labels[key] = value.get<std::string>();
  }
  return labels;
}

Expected<void> may_inject(const Surroundings& pod) {
  const auto host = pod.environment("KUBERNETES_SERVICE_HOST");
  if (!host || host->empty()) return {};
  const auto labels = own_namespace(pod, *host);
  if (!labels) {
    return fail(Error::Kind::Forbidden,
                "no faults are injected, as the labels of the pod's namespace cannot be read: " + labels.error().message +
                    ". Give its service account the right to get its own namespace, and the pod its token "
                    "(automountServiceAccountToken: true)");
  }
  const std::string production = production_label(*labels);
  if (production.empty()) return {};
  return fail(Error::Kind::Forbidden,
              "no faults are injected, as the pod's namespace is production: it has the label " + production + ". Release courier there");
}

}  // namespace courier
