#include "controller/kube/kubeconfig.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>

#include "common/core/base64.h"
#include "controller/kube/exec_plugin.h"

namespace sluice::kube {
namespace {

constexpr Duration kExpiryMargin{10'000};

// One entry of clusters, users or contexts, and where it stands.
struct Entry {
  YAML::Node body;
  std::filesystem::path folder;
  std::string where;  // "user admin in /home/me/.kube/config", for messages
};

struct Merged {
  std::map<std::string, Entry> clusters, users, contexts;
  std::string current;
};

Unexpected invalid(const std::string& message) { return fail(Error::Kind::Invalid, message); }

std::string text(const YAML::Node& node, const char* key) {
  if (!node.IsMap()) return "";
  const YAML::Node value = node[key];
  return value && value.IsScalar() ? value.Scalar() : "";
}

bool boolean(const YAML::Node& node, const char* key) { return text(node, key) == "true"; }

void merge_entries(std::map<std::string, Entry>& into, const YAML::Node& file, const char* list, const char* body,
                   const std::filesystem::path& path) {
  const YAML::Node entries = file[list];
  if (!entries || !entries.IsSequence()) return;
  for (const YAML::Node& entry : entries) {
    const std::string name = text(entry, "name");
    if (name.empty()) continue;
    const YAML::Node inner = entry[body];
    into.try_emplace(name, Entry{inner && inner.IsMap() ? inner : YAML::Node(YAML::NodeType::Map), path.parent_path(),
                                 std::string(body) + " " + name + " in " + path.string()});
  }
}

Expected<Merged> read_files(const std::vector<std::string>& paths) {
  Merged merged;
  bool any = false;
  std::string tried;
  for (const std::string& name : paths) {
    tried += (tried.empty() ? "" : ", ") + name;
    std::error_code ignored;
    const auto path = std::filesystem::absolute(name, ignored);
    if (paths.size() > 1 && !std::filesystem::exists(path, ignored)) continue;
    const auto content = read_text_file(path.string());
    if (!content) return invalid("kubeconfig: " + content.error().message);
    any = true;
    const YAML::Node file = YAML::Load(*content);
    if (file.IsNull()) continue;  // an empty file is a kubeconfig without entries
    if (!file.IsMap()) return invalid("kubeconfig " + path.string() + " is not a YAML map");
    merge_entries(merged.clusters, file, "clusters", "cluster", path);
    merge_entries(merged.users, file, "users", "user", path);
    merge_entries(merged.contexts, file, "contexts", "context", path);
    if (merged.current.empty()) merged.current = text(file, "current-context");
  }
  if (!any) return invalid("no kubeconfig found (tried: " + (tried.empty() ? "nothing" : tried) + "): set KUBECONFIG or give --kubeconfig");
  return merged;
}

// PEM given inline (base64) or as a file that may change under us.
struct Material {
  std::string data;
  std::string file;
};

Expected<Material> material(const Entry& entry, const std::string& field) {
  Material out;
  if (const std::string inline_data = text(entry.body, (field + "-data").c_str()); !inline_data.empty()) {
    auto decoded = from_base64_in_file(inline_data);
    if (!decoded) return invalid(entry.where + ": " + field + "-data is not base64");
    out.data = std::move(*decoded);
  } else if (const std::string file = text(entry.body, field.c_str()); !file.empty()) {
    out.file = (entry.folder / file).lexically_normal().string();
  }
  return out;
}

Expected<std::optional<ExecPlugin>> exec_plugin(const Entry& user) {
  const YAML::Node exec = user.body["exec"];
  if (!exec || exec.IsNull()) return std::nullopt;
  ExecPlugin plugin;
  plugin.command = text(exec, "command");
  plugin.api_version = text(exec, "apiVersion");
  plugin.provide_cluster_info = boolean(exec, "provideClusterInfo");
  plugin.install_hint = text(exec, "installHint");
  if (plugin.command.empty()) return invalid(user.where + ": exec.command is empty");
  if (plugin.api_version != "client.authentication.k8s.io/v1" && plugin.api_version != "client.authentication.k8s.io/v1beta1")
    return invalid(user.where + ": exec.apiVersion \"" + plugin.api_version + "\" is not known: use client.authentication.k8s.io/v1");
  if (text(exec, "interactiveMode") == "Always")
    return invalid(user.where + ": exec.interactiveMode Always needs a terminal, which plugins do not get here");
  // A path with a slash is relative to the kubeconfig; a bare name is looked up in PATH.
  if (plugin.command.find('/') != std::string::npos) plugin.command = (user.folder / plugin.command).lexically_normal().string();
  if (const YAML::Node args = exec["args"]; args && args.IsSequence())
    for (const YAML::Node& arg : args) plugin.args.push_back(arg.as<std::string>());
  if (const YAML::Node env = exec["env"]; env && env.IsSequence())
    for (const YAML::Node& pair : env) plugin.env[text(pair, "name")] = text(pair, "value");
  return plugin;
}

// Everything that the kubeconfig says of one context, with the YAML gone.
struct Resolved {
  Credentials fixed;
  Material ca, certificate, key;
  std::string token_file;
  std::optional<ExecPlugin> exec;
};

class KubeconfigCredentials final : public CredentialSource {
 public:
  KubeconfigCredentials(Resolved resolved, Duration reread, const Clock& clock)
      : resolved_(std::move(resolved)), reread_(reread), clock_(clock), now_(resolved_.fixed) {}

  Expected<Credentials> current() override {
    std::lock_guard lock(mutex_);
    const Duration now = clock_.monotonic();
    if (!read_at_ || stale_ || now - *read_at_ >= reread_) {
      if (auto done = reread(); !done && !read_at_) return Unexpected(done.error());  // later, the last good files serve on
      read_at_ = now;
    }
    if (resolved_.exec && (!exec_ || stale_ || (exec_->expires && *exec_->expires - kExpiryMargin <= clock_.now()))) {
      auto credential = run_exec_plugin(*resolved_.exec, now_.endpoint);
      if (!credential) return Unexpected(credential.error());
      exec_ = std::move(*credential);
    }
    stale_ = false;
    Credentials out = now_;
    if (exec_) {
      if (!exec_->token.empty()) out.headers["Authorization"] = "Bearer " + exec_->token;
      if (!exec_->client_certificate.empty()) {
        out.endpoint.tls.client_certificate = exec_->client_certificate;
        out.endpoint.tls.client_key = exec_->client_key;
      }
    }
    return out;
  }

  void refused() override {
    std::lock_guard lock(mutex_);
    stale_ = true;
  }

 private:
  // All files or none, so that a certificate never meets the key of another.
  Expected<void> reread() {
    Credentials next = now_;
    for (const auto& [from, to] : {std::pair{&resolved_.ca, &next.endpoint.tls.ca},
                                   {&resolved_.certificate, &next.endpoint.tls.client_certificate},
                                   {&resolved_.key, &next.endpoint.tls.client_key}}) {
      *to = from->data;
      if (from->file.empty()) continue;
      auto content = read_text_file(from->file);
      if (!content) return fail("kubeconfig", std::move(content.error()));
      *to = std::move(*content);
    }
    if (!resolved_.token_file.empty()) {
      const auto token = read_text_file(resolved_.token_file);
      if (!token) return fail("kubeconfig", token.error());
      if (!token->empty()) next.headers["Authorization"] = "Bearer " + *token;
    }
    now_ = std::move(next);
    return {};
  }

  const Resolved resolved_;
  const Duration reread_;
  const Clock& clock_;
  std::mutex mutex_;
  Credentials now_;
  std::optional<Duration> read_at_;
  std::optional<ExecCredential> exec_;
  bool stale_ = false;
};

Expected<void> resolve_cluster(const Entry& cluster, Resolved& out) {
  const std::string server = text(cluster.body, "server");
  const std::size_t scheme = server.find("://");
  if (scheme == std::string::npos) return invalid(cluster.where + ": server \"" + server + "\" is not a URL such as https://10.0.0.1:6443");
  const std::size_t slash = server.find('/', scheme + 3);
  out.fixed.endpoint.url = server.substr(0, slash);
  if (slash != std::string::npos) out.fixed.path_prefix = server.substr(slash);
  while (!out.fixed.path_prefix.empty() && out.fixed.path_prefix.back() == '/') out.fixed.path_prefix.pop_back();
  out.fixed.endpoint.proxy = text(cluster.body, "proxy-url");
  out.fixed.endpoint.tls.server_name = text(cluster.body, "tls-server-name");
  out.fixed.endpoint.tls.insecure_skip_verify = boolean(cluster.body, "insecure-skip-tls-verify");
  auto ca = material(cluster, "certificate-authority");
  if (!ca) return Unexpected(ca.error());
  out.ca = std::move(*ca);
  if (out.fixed.endpoint.tls.insecure_skip_verify && !(out.ca.data.empty() && out.ca.file.empty()))
    return invalid(cluster.where + ": insecure-skip-tls-verify and a certificate-authority exclude each other: remove one");
  return {};
}

void impersonate(const Entry& user, http::Headers& headers) {
  if (const std::string as = text(user.body, "as"); !as.empty()) headers["Impersonate-User"] = as;
  if (const std::string uid = text(user.body, "as-uid"); !uid.empty()) headers["Impersonate-Uid"] = uid;
}

Expected<void> resolve_user(const Entry& user, Resolved& out) {
  if (user.body["auth-provider"]) return invalid(user.where + ": auth-provider was removed from Kubernetes; use exec");
  if (const YAML::Node groups = user.body["as-groups"]; groups && groups.IsSequence() && groups.size() > 0)
    return invalid(user.where + ": as-groups is not supported: a request can carry one header of a name; use a user without groups");
  auto certificate = material(user, "client-certificate");
  if (!certificate) return Unexpected(certificate.error());
  auto key = material(user, "client-key");
  if (!key) return Unexpected(key.error());
  out.certificate = std::move(*certificate);
  out.key = std::move(*key);
  const bool has_certificate = !(out.certificate.data.empty() && out.certificate.file.empty());
  const bool has_key = !(out.key.data.empty() && out.key.file.empty());
  if (has_certificate != has_key) return invalid(user.where + ": client-certificate and client-key must be given together");
  if (const std::string token = text(user.body, "token"); !token.empty()) out.fixed.headers["Authorization"] = "Bearer " + token;
  if (const std::string file = text(user.body, "tokenFile"); !file.empty())
    out.token_file = (user.folder / file).lexically_normal().string();
  if (const std::string name = text(user.body, "username"); !name.empty())
    out.fixed.headers["Authorization"] = "Basic " + base64(name + ":" + text(user.body, "password"));
  impersonate(user, out.fixed.headers);
  auto exec = exec_plugin(user);
  if (!exec) return Unexpected(exec.error());
  out.exec = std::move(*exec);
  return {};
}

std::string names(const std::map<std::string, Entry>& entries) {
  std::string out;
  for (const auto& [name, entry] : entries) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

Expected<KubeContext> resolve(const KubeconfigOptions& options, const Clock& clock) {
  const auto merged = read_files(options.paths);
  if (!merged) return Unexpected(merged.error());
  KubeContext out;
  out.name = options.context.empty() ? merged->current : options.context;
  if (out.name.empty())
    return invalid("the kubeconfig has no current-context: give --context (there are: " + names(merged->contexts) + ")");
  const auto context = merged->contexts.find(out.name);
  if (context == merged->contexts.end())
    return invalid("context \"" + out.name + "\" is not in the kubeconfig (there are: " + names(merged->contexts) + ")");
  out.cluster = text(context->second.body, "cluster");
  out.user = text(context->second.body, "user");
  if (const std::string ns = text(context->second.body, "namespace"); !ns.empty()) out.ns = ns;
  const auto cluster = merged->clusters.find(out.cluster);
  if (cluster == merged->clusters.end())
    return invalid(context->second.where + ": cluster \"" + out.cluster + "\" is not in the kubeconfig");
  Resolved resolved;
  if (const auto done = resolve_cluster(cluster->second, resolved); !done) return Unexpected(done.error());
  if (!out.user.empty()) {
    const auto user = merged->users.find(out.user);
    if (user == merged->users.end()) return invalid(context->second.where + ": user \"" + out.user + "\" is not in the kubeconfig");
    if (const auto done = resolve_user(user->second, resolved); !done) return Unexpected(done.error());
  }
  out.credentials = std::make_shared<KubeconfigCredentials>(std::move(resolved), options.reread, clock);
  return out;
}

}  // namespace

std::vector<std::string> kubeconfig_paths(const std::string& given, const std::string& kubeconfig_variable, const std::string& home) {
  if (!given.empty()) return {given};
  std::vector<std::string> out;
  std::size_t begin = 0;
  while (begin < kubeconfig_variable.size()) {
    const std::size_t end = std::min(kubeconfig_variable.find(':', begin), kubeconfig_variable.size());
    if (end > begin) out.push_back(kubeconfig_variable.substr(begin, end - begin));
    begin = end + 1;
  }
  if (out.empty() && !home.empty()) out.push_back(home + "/.kube/config");
  return out;
}

Expected<KubeContext> load_kubeconfig(const KubeconfigOptions& options, const Clock& clock) {
  try {
    return resolve(options, clock);
  } catch (const YAML::Exception& error) { return invalid(std::string("the kubeconfig is not YAML: ") + error.what()); }
}

}  // namespace sluice::kube
