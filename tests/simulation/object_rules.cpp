#include "tests/simulation/object_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "tests/simulation/selectors.h"

namespace sluice::simulation {

namespace {

Unexpected invalid(const Resource& resource, const Json& object, const std::string& why) {
  return Unexpected(Error{Error::Kind::Invalid, called(resource, name_of(object)) + " is invalid: " + why, 422, {}});
}

bool label_value(const std::string& value) {
  if (value.empty()) return true;
  if (value.size() > 63) return false;
  const auto alnum = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return alnum(value.front()) && alnum(value.back()) &&
         std::all_of(value.begin(), value.end(), [&](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool dns_name(const std::string& name, std::size_t longest, bool dots) {
  if (name.empty() || name.size() > longest || name.front() == '-' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) || c == '-' || (dots && c == '.');
  });
}

// The largest request that the server takes as annotations of one object: 256 kB.
constexpr std::size_t kAnnotationBytes = 256 * 1024;

Expected<void> validate_metadata(const Resource& resource, const Json& object) {
  const bool service = resource == kube::resources::kServices;
  const std::string name = text(object, {"metadata", "name"});
  if (!dns_name(name, service ? 63 : 253, !service)) return invalid(resource, object, "metadata.name '" + name + "'");
  if (resource.namespaced && text(object, {"metadata", "namespace"}).empty()) {
    return invalid(resource, object, "metadata.namespace is missing");
  }
  if (const Json& labels = at(object, {"metadata", "labels"}); !labels.is_null()) {
    if (!labels.is_object()) return invalid(resource, object, "metadata.labels must be an object");
    for (const auto& [key, value] : labels.items()) {
      if (!value.is_string() || !label_value(value.get_ref<const std::string&>())) {
        return invalid(resource, object, "metadata.labels[" + key + "]: " + value.dump());
      }
    }
  }
  if (const Json& annotations = at(object, {"metadata", "annotations"}); !annotations.is_null()) {
    if (!annotations.is_object()) return invalid(resource, object, "metadata.annotations must be an object");
    std::size_t bytes = 0;
    for (const auto& [key, value] : annotations.items()) {
      if (!value.is_string()) return invalid(resource, object, "metadata.annotations[" + key + "]: must be a string");
      bytes += key.size() + value.get_ref<const std::string&>().size();
    }
    if (bytes > kAnnotationBytes) return invalid(resource, object, "metadata.annotations: may not be more than 262144 bytes");
  }
  if (const Json& owners = at(object, {"metadata", "ownerReferences"}); owners.is_array()) {
    int controllers = 0;
    for (const auto& owner : owners) {
      for (const char* field : {"apiVersion", "kind", "name", "uid"}) {
        if (text(owner, {field}).empty()) return invalid(resource, object, std::string("ownerReferences: ") + field + " is missing");
      }
      if (flag(owner, {"controller"})) ++controllers;
    }
    if (controllers > 1) return invalid(resource, object, "metadata.ownerReferences: only one reference can have controller set to true");
  }
  return {};
}

Expected<void> validate_workload(const Resource& resource, const Json* before, const Json& object) {
  const Json& selector = at(object, {"spec", "selector"});
  if (!selects(selector, at(object, {"spec", "template", "metadata", "labels"}))) {
    return invalid(resource, object, "spec.template.metadata.labels: `selector` does not match template `labels`");
  }
  if (before && at(*before, {"spec", "selector"}) != selector) { return invalid(resource, object, "spec.selector: field is immutable"); }
  if (number(object, {"spec", "replicas"}, -1) < 0) {
    return invalid(resource, object, "spec.replicas: must be greater than or equal to 0");
  }
  return {};
}

void prune_nulls(Json& value) {
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      if (it->is_null()) {
        it = value.erase(it);
      } else {
        prune_nulls(*it);
        ++it;
      }
    }
  } else if (value.is_array()) {
    for (auto& item : value) prune_nulls(item);
  }
}

}  // namespace

bool is_custom(const Resource& resource) { return resource.group == "sluice.dev" || resource.group == "gateway.networking.k8s.io"; }

bool has_status_subresource(const Resource& resource) {
  static const std::array<const char*, 8> kinds{
      "deployments", "replicasets", "pods", "services", "poddisruptionbudgets", "horizontalpodautoscalers", "namespaces", "resourcequotas"};
  return is_custom(resource) || std::any_of(kinds.begin(), kinds.end(), [&](const char* k) { return resource.plural == k; });
}

bool has_generation(const Resource& resource) {
  return is_custom(resource) || resource.plural == "deployments" || resource.plural == "replicasets" ||
         resource.plural == "poddisruptionbudgets";
}

bool new_generation(const Resource& resource, const Json& before, const Json& after) {
  if (!has_generation(resource)) return false;
  if (is_custom(resource)) {
    for (const auto& [key, value] : after.items()) {
      if (key != "metadata" && key != "status" && at(before, {key}) != value) return true;
    }
    return std::any_of(before.items().begin(), before.items().end(), [&](const auto& field) {
      return field.key() != "metadata" && field.key() != "status" && !after.contains(field.key());
    });
  }
  if (at(before, {"spec"}) != at(after, {"spec"})) return true;
  // Deployments: "annotation updates bump the generation because annotations are copied to their replica sets"
  // (pkg/registry/apps/deployment/strategy.go).
  return resource.plural == "deployments" && at(before, {"metadata", "annotations"}) != at(after, {"metadata", "annotations"});
}

void normalize(Json& object) {
  prune_nulls(object);
  if (const auto metadata = object.find("metadata"); metadata != object.end() && metadata->is_object()) {
    for (const char* field : {"annotations", "labels", "finalizers", "ownerReferences"}) {
      if (const auto it = metadata->find(field); it != metadata->end() && it->empty()) metadata->erase(it);
    }
    metadata->erase("managedFields");
  }
  if (const auto spec = object.find("spec"); spec != object.end() && spec->is_object()) {
    if (const auto it = spec->find("selector"); it != spec->end() && it->is_object() && it->empty()) spec->erase(it);
    if (const auto it = spec->find("paused");
        it != spec->end() && it->is_boolean() && !it->get<bool>() && text(object, {"kind"}) == "Deployment") {
      spec->erase(it);  // omitempty
    }
  }
}

void set_defaults(const Resource& resource, Json& object) {
  object["apiVersion"] = resource.api_version();
  object["kind"] = resource.kind;
  const auto put = [](Json& where, const char* key, Json value) {
    if (!where.contains(key)) where[key] = std::move(value);
  };
  if (resource == kube::resources::kDeployments) {
    Json& spec = object["spec"];
    put(spec, "replicas", 1);
    put(spec, "revisionHistoryLimit", 10);
    put(spec, "progressDeadlineSeconds", 600);
    put(spec, "strategy", {{"type", "RollingUpdate"}});
    put(spec["strategy"], "type", "RollingUpdate");
    if (spec["strategy"]["type"] == "RollingUpdate") {
      put(spec["strategy"], "rollingUpdate", Json::object());
      put(spec["strategy"]["rollingUpdate"], "maxSurge", "25%");
      put(spec["strategy"]["rollingUpdate"], "maxUnavailable", "25%");
    }
  } else if (resource == kube::resources::kReplicaSets) {
    put(object["spec"], "replicas", 1);
  } else if (resource == kube::resources::kServices) {
    put(object["spec"], "type", "ClusterIP");
  } else if (resource == kube::resources::kHttpRoutes) {
    if (const auto rules = object["spec"].find("rules"); rules != object["spec"].end() && rules->is_array()) {
      for (auto& rule : *rules) {
        if (!rule.is_object() || !rule.contains("backendRefs")) continue;
        for (auto& backend : rule["backendRefs"]) {
          put(backend, "weight", 1);
          put(backend, "group", "");
          put(backend, "kind", "Service");
        }
      }
    }
  }
}

Expected<void> validate(const Resource& resource, const Json* before, const Json& object) {
  if (auto ok = validate_metadata(resource, object); !ok) return ok;
  if (resource == kube::resources::kDeployments || resource == kube::resources::kReplicaSets) {
    return validate_workload(resource, before, object);
  }
  if (resource == kube::resources::kServices) {
    const Json& selector = at(object, {"spec", "selector"});
    if (selector.is_object()) {
      for (const auto& [key, value] : selector.items()) {
        if (!value.is_string() || !label_value(value.get_ref<const std::string&>())) {
          return invalid(resource, object, "spec.selector[" + key + "]: " + value.dump());
        }
      }
    }
  }
  if (resource == kube::resources::kHttpRoutes) {
    const Json& rules = at(object, {"spec", "rules"});
    if (!rules.is_null() && !rules.is_array()) return invalid(resource, object, "spec.rules must be a list");
    if (rules.is_array()) {
      if (rules.size() > 16) return invalid(resource, object, "spec.rules: must have at most 16 items");
      for (const auto& rule : rules) {
        const Json& backends = at(rule, {"backendRefs"});
        if (!backends.is_array()) continue;
        if (backends.size() > 16) return invalid(resource, object, "spec.rules.backendRefs: must have at most 16 items");
        for (const auto& backend : backends) {
          const auto weight = number(backend, {"weight"}, -1);
          if (weight < 0 || weight > 1'000'000) {
            return invalid(resource, object, "backendRefs.weight: " + at(backend, {"weight"}).dump() + " is not in 0..1000000");
          }
        }
      }
    }
  }
  return {};
}

Expected<Json> json_patched(const Json& before, const Json& patch, const std::string& what) {
  const auto refuse = [&](Error::Kind kind, const std::string& why) {
    return Unexpected(Error{kind, what + ": the server rejected our request due to an error in our request: " + why, 422, {}});
  };
  if (!patch.is_array()) { return Unexpected(Error{Error::Kind::Invalid, what + ": a JSON patch must be a list of operations", 400, {}}); }
  try {
    return before.patch(patch);
  } catch (const Json::other_error& e) {
    return refuse(Error::Kind::Conflict, e.what());  // 501: a test did not hold
  } catch (const Json::parse_error& e) {
    return Unexpected(Error{Error::Kind::Invalid, what + ": malformed JSON patch: " + e.what(), 400, {}});
  } catch (const Json::exception& e) { return refuse(Error::Kind::Invalid, e.what()); }
}

}  // namespace sluice::simulation
