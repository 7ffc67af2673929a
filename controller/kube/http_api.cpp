#include "controller/kube/http_api.h"

#include <algorithm>
#include <mutex>

#include "common/core/pause.h"
#include "controller/kube/api_path.h"
#include "controller/kube/object.h"
#include "controller/kube/status_error.h"
#include "controller/kube/watch_decoder.h"

namespace sluice::kube {
namespace {

constexpr int kMaxPages = 100'000;

// dump() throws on text that is not UTF-8; the server would refuse it anyway, so the bytes are replaced.
std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string text(const Json& object, std::initializer_list<std::string_view> path) {
  const Json& value = at(object, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string whole_seconds(Duration duration) { return std::to_string(std::max<long long>(1, duration.count() / 1000)); }

const char* content_type(PatchType type) {
  switch (type) {
    case PatchType::Json: return "application/json-patch+json";
    case PatchType::Merge: return "application/merge-patch+json";
    case PatchType::Apply: return "application/apply-patch+yaml";  // JSON is YAML
  }
  return "application/json";
}

std::vector<std::pair<std::string, std::string>> write_query(const WriteOptions& options, Duration deadline) {
  return {{"fieldManager", options.field_manager},
          {"force", options.force ? "true" : ""},
          {"dryRun", options.dry_run ? "All" : ""},
          {"timeout", whole_seconds(deadline) + "s"}};
}

// An answer's object; Corrupt if a 2xx answer is not one.
Expected<Json> object_of(const http::Response& response, const std::string& what) {
  auto json = parse_json(response.body);
  if (!json) return fail(what, std::move(json.error()));
  if (!json->is_object()) return fail(Error::Kind::Corrupt, what + ": the answer is not an object");
  return json;
}

}  // namespace

HttpApi::HttpApi(std::shared_ptr<CredentialSource> credentials, TransportCache::Make make, HttpApiOptions options)
    : credentials_(std::move(credentials)), unary_(make), streams_(make), options_(std::move(options)) {
  if (!options_.wait) options_.wait = pause;
  if (!options_.unit) {
    struct Source {
      std::mutex mutex;
      std::mt19937_64 generator{std::random_device{}()};
    };
    options_.unit = [source = std::make_shared<Source>()] {
      std::lock_guard lock(source->mutex);
      return std::uniform_real_distribution<double>(0, 1)(source->generator);
    };
  }
}

Expected<http::Response> HttpApi::exchange(http::Request request, std::stop_token stop) {
  const std::string target = request.target;
  request.headers["Accept"] = "application/json";
  request.headers["User-Agent"] = options_.user_agent;
  for (bool again = true;; again = false) {
    auto credentials = credentials_->current();
    if (!credentials) return fail("credentials", std::move(credentials.error()));
    auto transport = unary_.get(credentials->endpoint);
    if (!transport) return fail("connect to " + credentials->endpoint.url, std::move(transport.error()));
    for (const auto& [key, value] : credentials->headers) request.headers[key] = value;
    request.target = credentials->path_prefix + target;
    auto response = (*transport)->send(request, stop);
    if (!response || response->status != 401 || !again) return response;
    credentials_->refused();
  }
}

Expected<http::Response> HttpApi::read(const std::string& target, const std::string& what) {
  Backoff backoff = options_.backoff;
  for (int attempt = 1;; ++attempt) {
    http::Request request;
    request.target = target;
    request.deadline = options_.read_deadline;
    auto response = exchange(std::move(request), options_.stop);
    if (response && response->status >= 200 && response->status < 300) return response;
    Error error = response ? error_of_response(*response, what) : response.error();
    if (!response) error.message = what + ": " + error.message;
    if (!error.is(Error::Kind::Unavailable) || attempt >= options_.read_attempts || error.retry_after > options_.longest_wait)
      return Unexpected(std::move(error));
    // Retry-After is the least to wait; the jitter on top keeps many clients from coming back as one.
    const Duration jittered = backoff.next(options_.unit());
    options_.wait(error.retry_after.count() > 0 ? error.retry_after + jittered / 4 : jittered, options_.stop);
    if (options_.stop.stop_requested()) return fail(Error::Kind::Cancelled, what + ": stopped while waiting to try again");
  }
}

Expected<Json> HttpApi::write(http::Request request, const std::string& what, const Json* json_patch) {
  request.deadline = options_.write_deadline;
  if (!request.body.empty() && !request.headers.contains("Content-Type")) request.headers["Content-Type"] = "application/json";
  auto response = exchange(std::move(request), {});
  if (!response) return fail(what, std::move(response.error()));
  if (response->status >= 200 && response->status < 300) return object_of(*response, what);
  Error error = error_of_response(*response, what);
  if (json_patch != nullptr && is_failed_patch_test(*response, *json_patch)) {
    error.kind = Error::Kind::Conflict;
    error.message = what + ": a test of the patch did not hold: read the object again";
  }
  return Unexpected(std::move(error));
}

Expected<Json> HttpApi::get(const Resource& resource, const Name& name) {
  const auto path = object_path(resource, name);
  if (!path) return Unexpected(path.error());
  const std::string what = "get " + describe(resource, name);
  const auto response = read(*path, what);
  if (!response) return Unexpected(response.error());
  return object_of(*response, what);
}

Expected<std::string> HttpApi::get_raw(const std::string& target) {
  auto response = read(target, "get " + target);
  if (!response) return Unexpected(response.error());
  return std::move(response->body);
}

Expected<List> HttpApi::list(const Resource& resource, const ListOptions& options) {
  const auto path = collection_path(resource, options.ns);
  if (!path) return Unexpected(path.error());
  const std::string what = "list " + resource.plural + (options.ns.empty() ? "" : " in " + options.ns);
  List out;
  std::string next;
  int page_size = std::max(options.page_size, 0);
  for (int page = 0; page < kMaxPages; ++page) {
    const auto response = read(*path + query({{"labelSelector", options.label_selector},
                                              {"fieldSelector", options.field_selector},
                                              {"limit", page_size > 0 ? std::to_string(page_size) : ""},
                                              {"continue", next}}),
                               what);
    if (!response) {
      // The snapshot that `continue` stands for was compacted away: pages of two snapshots must not be joined, so the whole
      // list is read again, in one piece, which cannot expire.
      if (response.error().is(Error::Kind::Expired) && !next.empty()) {
        out = {};
        next.clear();
        page_size = 0;
        continue;
      }
      return Unexpected(response.error());
    }
    auto json = object_of(*response, what);
    if (!json) return Unexpected(json.error());
    const auto items = json->find("items");
    if (items == json->end() || !(items->is_array() || items->is_null()))
      return fail(Error::Kind::Corrupt, what + ": the answer has no items");
    for (Json& item : *items) {
      normalise(item, resource);
      out.items.push_back(std::move(item));
    }
    out.resource_version = text(*json, {"metadata", "resourceVersion"});
    const std::string before = std::exchange(next, text(*json, {"metadata", "continue"}));
    if (next.empty()) return out;
    if (next == before) return fail(Error::Kind::Corrupt, what + ": the server gave the same continue token twice");
  }
  return fail(Error::Kind::Corrupt, what + ": more than " + std::to_string(kMaxPages) + " pages");
}

Expected<Json> HttpApi::create(const Resource& resource, const Json& object, const WriteOptions& options) {
  const Name name = name_of(object);
  const auto own = object_path(resource, name);  // checks the name
  if (!own) return Unexpected(own.error());
  const auto path = options.subresource.empty() ? collection_path(resource, name.ns) : object_path(resource, name, options.subresource);
  if (!path) return Unexpected(path.error());
  http::Request request;
  request.method = "POST";
  request.target = *path + query(write_query(options, options_.write_deadline));
  request.body = to_text(object);
  return write(std::move(request), "create " + describe(resource, name));
}

Expected<Json> HttpApi::update(const Resource& resource, const Json& object, const WriteOptions& options) {
  const Name name = name_of(object);
  const auto path = object_path(resource, name, options.subresource);
  if (!path) return Unexpected(path.error());
  http::Request request;
  request.method = "PUT";
  request.target = *path + query(write_query(options, options_.write_deadline));
  request.body = to_text(object);
  return write(std::move(request), "update " + describe(resource, name));
}

Expected<Json> HttpApi::patch(const Resource& resource, const Name& name, PatchType type, const Json& patch, const WriteOptions& options) {
  const std::string what = (type == PatchType::Apply ? "apply " : "patch ") + describe(resource, name);
  const auto path = object_path(resource, name, options.subresource);
  if (!path) return Unexpected(path.error());
  if (type == PatchType::Apply && options.field_manager.empty())
    return fail(Error::Kind::Invalid, what + ": server-side apply needs a field manager");
  if (type != PatchType::Apply && options.force) return fail(Error::Kind::Invalid, what + ": force is only for server-side apply");
  http::Request request;
  request.method = "PATCH";
  request.target = *path + query(write_query(options, options_.write_deadline));
  request.headers["Content-Type"] = content_type(type);
  request.body = to_text(patch);
  return write(std::move(request), what, type == PatchType::Json ? &patch : nullptr);
}

Expected<void> HttpApi::remove(const Resource& resource, const Name& name, const DeleteOptions& options) {
  const auto path = object_path(resource, name);
  if (!path) return Unexpected(path.error());
  Json body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  http::Request request;
  request.method = "DELETE";
  request.target = *path + query({{"timeout", whole_seconds(options_.write_deadline) + "s"}});
  request.body = to_text(body);
  const auto answer = write(std::move(request), "delete " + describe(resource, name));
  if (!answer) return Unexpected(answer.error());
  return {};
}

Expected<void> HttpApi::watch(const Resource& resource, const WatchOptions& options, const OnWatchEvent& on_event, std::stop_token stop) {
  const std::string what = "watch of " + resource.plural;
  const auto path = collection_path(resource, options.ns);
  if (!path) return Unexpected(path.error());
  auto credentials = credentials_->current();
  if (!credentials) return fail("credentials", std::move(credentials.error()));
  auto transport = streams_.get(credentials->endpoint);
  if (!transport) return fail("connect to " + credentials->endpoint.url, std::move(transport.error()));

  http::Request request;
  request.target = credentials->path_prefix + *path +
                   query({{"watch", "true"},
                          {"allowWatchBookmarks", "true"},
                          {"labelSelector", options.label_selector},
                          {"fieldSelector", options.field_selector},
                          {"resourceVersion", options.resource_version},
                          {"timeoutSeconds", whole_seconds(options.timeout)},
                          {"sendInitialEvents", options.send_initial_events ? "true" : ""},
                          {"resourceVersionMatch", options.send_initial_events ? "NotOlderThan" : ""}});
  request.headers = credentials->headers;
  request.headers["Accept"] = "application/json";
  request.headers["User-Agent"] = options_.user_agent;
  request.deadline = options_.read_deadline;
  request.idle = options_.watch_idle;

  // Both the caller's stop and ours end the stream.
  std::stop_source both;
  const std::stop_callback first(stop, [&both] { both.request_stop(); });
  const std::stop_callback second(options_.stop, [&both] { both.request_stop(); });

  std::optional<Error> error;
  WatchDecoder decoder(resource, options_.max_event_bytes);
  const auto ended = (*transport)
                         ->stream(
                             request,
                             [&](const http::Response& head) {
                               if (head.status >= 200 && head.status < 300) return true;
                               if (head.status == 401) credentials_->refused();
                               error = error_of_response(head, what);
                               return false;
                             },
                             [&](std::string_view chunk) {
                               const auto more = decoder.feed(chunk, on_event);
                               if (!more) error = more.error();
                               return more && *more;
                             },
                             both.get_token());
  if (error) return Unexpected(std::move(*error));
  if (!ended) return fail(what, ended.error());
  return {};
}

}  // namespace sluice::kube
