// The Kubernetes API as an interface: objects as JSON, addressed by resource, namespace and name.
//
// HttpApi (http_api.h) speaks to a real API server; the simulated cluster of tests/simulation implements the same
// interface in virtual time. Every call blocks and is thread-safe. Errors follow common/core/error.h: NotFound 404, Exists
// 409 AlreadyExists, Conflict 409 and failed JSON-patch tests (422), Forbidden 403, Invalid 400/422 with the server's
// words, Expired 410, Unavailable for everything that a later try may cure (retry_after filled from Retry-After).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"
#include "controller/kube/json.h"

namespace sluice::kube {

// A kind of object, e.g. {"apps", "v1", "deployments", "Deployment"}.
struct Resource {
  std::string group;  // "" for the core group
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  auto operator<=>(const Resource&) const = default;
};

// Namespace and name; the namespace is empty for cluster-scoped objects.
struct Name {
  std::string ns;
  std::string name;
  auto operator<=>(const Name&) const = default;
  std::string str() const { return ns.empty() ? name : ns + "/" + name; }
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"     // g++ 12 warns of scoped enumerators that are called like a type
enum class PatchType { Json, Merge, Apply };  // RFC 6902, RFC 7386, server-side apply
#pragma GCC diagnostic pop

struct WriteOptions {
  std::string field_manager;  // required for Apply, recorded in managedFields otherwise
  bool force = false;         // Apply: take fields over from other managers
  bool dry_run = false;
  std::string subresource;  // "status", "scale" or ""
};

struct DeleteOptions {
  std::string uid;               // precondition; empty: none
  std::string resource_version;  // precondition; empty: none
  std::string propagation = "Background";
};

struct ListOptions {
  std::string ns;  // empty: all namespaces
  std::string label_selector;
  std::string field_selector;
  int page_size = 500;  // lists are read in pages of this size and joined
};

struct List {
  std::vector<Json> items;
  std::string resource_version;
};

struct WatchEvent {
  enum class Type { Added, Modified, Deleted, Bookmark };
  Type type = Type::Added;
  Json object;
};

struct WatchOptions {
  std::string ns;
  std::string label_selector;
  std::string field_selector;
  std::string resource_version;  // where to start
  Duration timeout{300'000};     // the server ends the watch after about this long
  // WatchList: no position needed; the present state comes first as Added events, closed by a bookmark with the annotation
  // k8s.io/initial-events-end. Servers that do not have it answer Invalid; an Api that ignores it must not be asked.
  bool send_initial_events = false;
};

// false ends the watch.
using OnWatchEvent = std::function<bool(const WatchEvent&)>;

class Api {
 public:
  virtual ~Api() = default;

  virtual Expected<Json> get(const Resource& resource, const Name& name) = 0;
  virtual Expected<List> list(const Resource& resource, const ListOptions& options = {}) = 0;
  // metadata.name must be set: generateName is never used, as a transport may send a POST twice.
  virtual Expected<Json> create(const Resource& resource, const Json& object, const WriteOptions& options = {}) = 0;
  virtual Expected<Json> update(const Resource& resource, const Json& object, const WriteOptions& options = {}) = 0;
  virtual Expected<Json> patch(const Resource& resource, const Name& name, PatchType type, const Json& patch,
                               const WriteOptions& options = {}) = 0;
  virtual Expected<void> remove(const Resource& resource, const Name& name, const DeleteOptions& options = {}) = 0;

  // Returns without a value when the server ended the watch or the callback said false; Expired when the position is gone
  // (410 as answer or inside the stream).
  virtual Expected<void> watch(const Resource& resource, const WatchOptions& options, const OnWatchEvent& on_event,
                               std::stop_token stop) = 0;
};

// "deployment shop/web", for messages.
std::string describe(const Resource& resource, const Name& name);

// The kinds that Sluice speaks of.
namespace resources {
inline const Resource kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline const Resource kServices{"", "v1", "services", "Service", true};
inline const Resource kPods{"", "v1", "pods", "Pod", true};
inline const Resource kConfigMaps{"", "v1", "configmaps", "ConfigMap", true};
inline const Resource kResourceQuotas{"", "v1", "resourcequotas", "ResourceQuota", true};
inline const Resource kDeployments{"apps", "v1", "deployments", "Deployment", true};
inline const Resource kReplicaSets{"apps", "v1", "replicasets", "ReplicaSet", true};
inline const Resource kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true};
inline const Resource kHttpRoutes{"gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", true};
inline const Resource kPodDisruptionBudgets{"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true};
inline const Resource kHorizontalPodAutoscalers{"autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true};
inline const Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease", true};
inline const Resource kEvents{"events.k8s.io", "v1", "events", "Event", true};
inline const Resource kRollouts{"sluice.dev", "v1alpha1", "rollouts", "Rollout", true};
inline const Resource kRolloutActions{"sluice.dev", "v1alpha1", "rolloutactions", "RolloutAction", true};
}  // namespace resources

}  // namespace sluice::kube
