#include "controller/kube/object.h"

#include <algorithm>

namespace sluice::kube {
namespace {

constexpr int kMaxDepth = 200;

std::string text(const Json& object, std::string_view key) {
  const Json& value = at(object, {key});
  return value.is_string() ? value.get_ref<const std::string&>() : std::string();
}

std::map<std::string, std::string> texts(const Json& object) {
  std::map<std::string, std::string> out;
  if (object.is_object())
    for (auto it = object.begin(); it != object.end(); ++it)
      if (it->is_string()) out.emplace(it.key(), it->get_ref<const std::string&>());
  return out;
}

std::optional<Time> time(const Json& object, std::string_view key) {
  const std::string value = text(object, key);
  if (value.empty()) return std::nullopt;
  const auto parsed = parse_time(value);
  return parsed ? std::optional<Time>(*parsed) : std::nullopt;
}

std::string_view find(const std::map<std::string, std::string>& map, std::string_view key) {
  const auto found = map.find(std::string(key));
  return found == map.end() ? std::string_view() : std::string_view(found->second);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_leading_zeros(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
  return text;
}

// Brackets outside of strings, counted before parsing: cheap, and independent of the parser's own depth.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string_view ObjectMeta::label(std::string_view key) const { return find(labels, key); }
std::string_view ObjectMeta::annotation(std::string_view key) const { return find(annotations, key); }

ObjectMeta parse_meta(const Json& object) {
  const Json& meta = at(object, {"metadata"});
  ObjectMeta out;
  out.ns = text(meta, "namespace");
  out.name = text(meta, "name");
  out.uid = text(meta, "uid");
  out.resource_version = text(meta, "resourceVersion");
  if (const Json& generation = at(meta, {"generation"}); generation.is_number_integer()) out.generation = generation.get<std::int64_t>();
  out.labels = texts(at(meta, {"labels"}));
  out.annotations = texts(at(meta, {"annotations"}));
  out.creation_time = time(meta, "creationTimestamp");
  out.deletion_time = time(meta, "deletionTimestamp");
  if (const Json& owners = at(meta, {"ownerReferences"}); owners.is_array())
    for (const Json& owner : owners)
      if (const Json& controls = at(owner, {"controller"}); controls.is_boolean() && controls.get<bool>())
        out.owner = OwnerRef{text(owner, "apiVersion"), text(owner, "kind"), text(owner, "name"), text(owner, "uid")};
  if (const Json& finalizers = at(meta, {"finalizers"}); finalizers.is_array())
    for (const Json& finalizer : finalizers)
      if (finalizer.is_string()) out.finalizers.push_back(finalizer.get<std::string>());
  return out;
}

Name name_of(const Json& object) {
  const Json& meta = at(object, {"metadata"});
  return {text(meta, "namespace"), text(meta, "name")};
}

std::string uid_of(const Json& object) { return text(at(object, {"metadata"}), "uid"); }
std::string resource_version_of(const Json& object) { return text(at(object, {"metadata"}), "resourceVersion"); }

std::optional<bool> newer(std::string_view a, std::string_view b) {
  if (!is_number(a) || !is_number(b)) return std::nullopt;
  a = without_leading_zeros(a);
  b = without_leading_zeros(b);
  return a.size() != b.size() ? a.size() > b.size() : a > b;
}

void normalise(Json& object, const Resource& resource) {
  if (!object.is_object()) return;
  if (const auto meta = object.find("metadata"); meta != object.end() && meta->is_object()) meta->erase("managedFields");
  if (!object.contains("kind")) object["kind"] = resource.kind;
  if (!object.contains("apiVersion")) object["apiVersion"] = resource.api_version();
}

const Json& at(const Json& object, std::initializer_list<std::string_view> path) {
  static const Json kNull;
  const Json* here = &object;
  for (const std::string_view key : path) {
    if (!here->is_object()) return kNull;
    const auto found = here->find(key);
    if (found == here->end()) return kNull;
    here = &*found;
  }
  return *here;
}

Expected<Json> parse_json(std::string_view input) {
  if (too_deep(input)) return fail(Error::Kind::Corrupt, "JSON nests deeper than " + std::to_string(kMaxDepth) + " levels");
  Json value = Json::parse(input, nullptr, false);
  if (value.is_discarded())
    return fail(Error::Kind::Corrupt,
                "not JSON (" + std::to_string(input.size()) + " bytes): \"" + std::string(input.substr(0, 80)) + "\"");
  return value;
}

}  // namespace sluice::kube
