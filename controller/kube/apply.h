// Writing with preconditions: JSON patches that test what they rely on, server-side apply, and read-change-write.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "controller/kube/api.h"

namespace sluice::kube {

// A JSON patch (RFC 6902) in the making. Paths are JSON pointers; put segments that come from data through pointer():
//   JsonPatch().test_version(rv).replace(pointer({"spec", "replicas"}), 3).json()
// On the server a test that does not hold makes Api::patch fail with Conflict, and nothing is changed.
class JsonPatch {
 public:
  JsonPatch& test(const std::string& path, Json value) { return operation("test", path, std::move(value)); }
  // The object is still this one: same uid, same version.
  JsonPatch& test_uid(const std::string& uid) { return test("/metadata/uid", uid); }
  JsonPatch& test_version(const std::string& version) { return test("/metadata/resourceVersion", version); }
  JsonPatch& add(const std::string& path, Json value) { return operation("add", path, std::move(value)); }
  JsonPatch& replace(const std::string& path, Json value) { return operation("replace", path, std::move(value)); }
  JsonPatch& remove(const std::string& path);

  bool empty() const { return operations_.empty(); }
  const Json& json() const { return operations_; }

 private:
  JsonPatch& operation(const char* op, const std::string& path, Json value);
  Json operations_ = Json::array();
};

// {"metadata", "annotations", "sluice.dev/x"} -> "/metadata/annotations/sluice.dev~1x" (RFC 6901).
std::string pointer(std::initializer_list<std::string_view> segments);

// Server-side apply of `object` (apiVersion and kind are filled in) as `field_manager`: what it holds is ours, what it no
// longer holds is given up. Conflict without `force` names the other manager.
Expected<Json> apply(Api& api, const Resource& resource, Json object, const std::string& field_manager, bool force = true,
                     const std::string& subresource = "");

// Reads the object, lets `change` edit it and writes it back with the version that was read; after a Conflict again, up to
// `attempts` times. change returns false to leave it as it is (the object read is returned); an edit that changes nothing is
// not written. The error of the last attempt.
Expected<Json> update_with(Api& api, const Resource& resource, const Name& name, const std::function<bool(Json&)>& change,
                           const WriteOptions& options = {}, int attempts = 5);

}  // namespace sluice::kube
