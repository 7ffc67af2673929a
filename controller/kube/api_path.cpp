#include "controller/kube/api_path.h"

#include <algorithm>
#include <cctype>

namespace sluice::kube {
namespace {

bool fits_path(std::string_view segment) {
  return !segment.empty() && segment.size() <= 512 && segment != "." && segment != ".." &&
         segment.find_first_of("/%") == std::string_view::npos &&
         std::all_of(segment.begin(), segment.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

}  // namespace

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char signed_char : text) {
    const auto c = static_cast<unsigned char>(signed_char);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~') {
      out += signed_char;
    } else {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  return out;
}

Expected<std::string> collection_path(const Resource& resource, const std::string& ns) {
  std::string path = resource.group.empty() ? "/api/" + resource.version : "/apis/" + resource.group + "/" + resource.version;
  if (!ns.empty()) {
    if (!resource.namespaced)
      return fail(Error::Kind::Invalid, resource.plural + " are cluster-scoped, but namespace \"" + ns + "\" was given: leave it empty");
    if (!fits_path(ns))
      return fail(Error::Kind::Invalid, "namespace \"" + ns + "\" cannot be a namespace: use lower-case letters, digits and -");
    path += "/namespaces/" + percent_encode(ns);
  }
  return path + "/" + resource.plural;
}

Expected<std::string> object_path(const Resource& resource, const Name& name, const std::string& subresource) {
  if (resource.namespaced && name.ns.empty())
    return fail(Error::Kind::Invalid, describe(resource, name) + ": no namespace given, but " + resource.plural + " live in one");
  if (!fits_path(name.name))
    return fail(Error::Kind::Invalid, resource.kind + " name \"" + name.name + "\" cannot be a name: it must not be empty or hold a slash");
  auto path = collection_path(resource, name.ns);
  if (!path) return path;
  *path += "/" + percent_encode(name.name);
  if (!subresource.empty()) *path += "/" + percent_encode(subresource);
  return path;
}

std::string query(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [key, value] : parameters)
    if (!value.empty()) out += (out.empty() ? "?" : "&") + key + "=" + percent_encode(value);
  return out;
}

std::string describe(const Resource& resource, const Name& name) {
  std::string kind = resource.kind;
  std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return kind + " " + name.str();
}

}  // namespace sluice::kube
