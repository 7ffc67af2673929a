#include "controller/kube/apply.h"

#include "controller/kube/object.h"

namespace sluice::kube {

JsonPatch& JsonPatch::operation(const char* op, const std::string& path, Json value) {
  operations_.push_back({{"op", op}, {"path", path}, {"value", std::move(value)}});
  return *this;
}

JsonPatch& JsonPatch::remove(const std::string& path) {
  operations_.push_back({{"op", "remove"}, {"path", path}});
  return *this;
}

std::string pointer(std::initializer_list<std::string_view> segments) {
  std::string out;
  for (const std::string_view segment : segments) {
    out += '/';
    for (const char c : segment) {
      if (c == '~') out += "~0";
      else if (c == '/') out += "~1";
      else out += c;
    }
  }
  return out;
}

Expected<Json> apply(Api& api, const Resource& resource, Json object, const std::string& field_manager, bool force,
                     const std::string& subresource) {
  const Name name = name_of(object);
  if (!object.is_object() || name.name.empty())
    return fail(Error::Kind::Invalid, "apply " + resource.plural + ": the object has no metadata.name");
  object["apiVersion"] = resource.api_version();
  object["kind"] = resource.kind;
  object["metadata"].erase("managedFields");  // the API server refuses an apply that holds them
  WriteOptions options;
  options.field_manager = field_manager;
  options.force = force;
  options.subresource = subresource;
  return api.patch(resource, name, PatchType::Apply, object, options);
}

Expected<Json> update_with(Api& api, const Resource& resource, const Name& name, const std::function<bool(Json&)>& change,
                           const WriteOptions& options, int attempts) {
  for (int attempt = 1;; ++attempt) {
    auto read = api.get(resource, name);
    if (!read) return read;
    Json edited = *read;
    if (!change(edited) || edited == *read) return read;
    edited["metadata"]["resourceVersion"] = resource_version_of(*read);
    auto written = api.update(resource, edited, options);
    if (written || !written.error().is(Error::Kind::Conflict) || attempt >= attempts) return written;
  }
}

}  // namespace sluice::kube
