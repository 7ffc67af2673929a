// A Transport and an Api that answer from a script, for the tests of this folder.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/http/transport.h"
#include "controller/kube/api.h"
#include "controller/kube/http_api.h"
#include "controller/kube/object.h"

namespace sluice::kube::test {

struct StreamScript {
  http::Response head{200, {}, ""};
  std::vector<std::string> chunks;
  Expected<bool> end = true;
};

class ScriptedTransport final : public http::Transport {
 public:
  std::deque<Expected<http::Response>> answers;
  std::deque<StreamScript> streams;
  std::vector<http::Request> requests;
  std::vector<std::string> made_for;  // client certificates of the endpoints that a transport was made for

  Expected<http::Response> send(const http::Request& request, std::stop_token stop) override {
    requests.push_back(request);
    if (stop.stop_requested()) return fail(Error::Kind::Cancelled, "stopped");
    if (answers.empty()) return fail(Error::Kind::Internal, "the script has no more answers");
    auto answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  Expected<bool> stream(const http::Request& request, const http::OnHead& on_head, const http::OnChunk& on_chunk,
                        std::stop_token) override {
    requests.push_back(request);
    if (streams.empty()) return fail(Error::Kind::Internal, "the script has no more streams");
    const StreamScript script = std::move(streams.front());
    streams.pop_front();
    if (!on_head(script.head)) return false;
    for (const std::string& chunk : script.chunks)
      if (!on_chunk(chunk)) return false;
    return script.end;
  }

  void answer(int status, const Json& body, http::Headers headers = {}) {
    answers.push_back(http::Response{status, std::move(headers), body.dump()});
  }
  void answer_text(int status, std::string body) { answers.push_back(http::Response{status, {}, std::move(body)}); }
};

// An HttpApi over a script; waits are noted instead of waited for.
struct ScriptedHttp {
  std::shared_ptr<ScriptedTransport> transport = std::make_shared<ScriptedTransport>();
  std::shared_ptr<std::vector<Duration>> waits = std::make_shared<std::vector<Duration>>();
  HttpApi api;

  explicit ScriptedHttp(HttpApiOptions options = {}, std::shared_ptr<CredentialSource> credentials = nullptr)
      : api(
            credentials ? credentials : std::make_shared<StaticCredentials>(Credentials{{"https://k8s", {}, ""}, "", {}}),
            [transport = transport](const http::Endpoint& endpoint) -> Expected<std::shared_ptr<http::Transport>> {
              transport->made_for.push_back(endpoint.tls.client_certificate);
              return transport;
            },
            with_waits(std::move(options), waits)) {}

  static HttpApiOptions with_waits(HttpApiOptions options, std::shared_ptr<std::vector<Duration>> waits) {
    options.wait = [waits](Duration duration, std::stop_token) { waits->push_back(duration); };
    options.unit = [] { return 0.5; };
    return options;
  }
};

// One answer per list or watch, in the order they are asked for.
class ScriptedApi : public Api {
 public:
  struct Watch {
    std::vector<WatchEvent> events;
    Expected<void> end = {};
    Duration lasts{0};
  };
  ManualClock* clock = nullptr;  // moved on by as long as a watch lasts
  std::deque<Expected<List>> lists;
  std::deque<Watch> watches;
  std::vector<WatchOptions> watched;
  int listed = 0;

  Expected<Json> get(const Resource&, const Name&) override { return unscripted(); }
  Expected<Json> create(const Resource&, const Json&, const WriteOptions&) override { return unscripted(); }
  Expected<Json> update(const Resource&, const Json&, const WriteOptions&) override { return unscripted(); }
  Expected<Json> patch(const Resource&, const Name&, PatchType, const Json&, const WriteOptions&) override { return unscripted(); }
  Expected<void> remove(const Resource&, const Name&, const DeleteOptions&) override { return unscripted(); }

  Expected<List> list(const Resource&, const ListOptions&) override {
    ++listed;
    if (lists.empty()) return unscripted();
    auto out = std::move(lists.front());
    lists.pop_front();
    return out;
  }
  Expected<void> watch(const Resource&, const WatchOptions& options, const OnWatchEvent& on_event, std::stop_token) override {
    watched.push_back(options);
    if (watches.empty()) return unscripted();
    const Watch script = std::move(watches.front());
    watches.pop_front();
    for (const WatchEvent& event : script.events)
      if (!on_event(event)) return {};
    if (clock) clock->advance(script.lasts);
    return script.end;
  }

 protected:
  static Unexpected unscripted() { return fail(Error::Kind::Internal, "the script has no answer to this"); }
};

inline Json object(const std::string& name, const std::string& version, const std::string& uid = "", Json more = Json::object()) {
  Json out = {
      {"kind", "ConfigMap"},
      {"apiVersion", "v1"},
      {"metadata", {{"namespace", "shop"}, {"name", name}, {"uid", uid.empty() ? "uid-" + name : uid}, {"resourceVersion", version}}}};
  out.update(more, true);
  return out;
}
inline WatchEvent added(Json object) { return {WatchEvent::Type::Added, std::move(object)}; }
inline WatchEvent modified(Json object) { return {WatchEvent::Type::Modified, std::move(object)}; }
inline WatchEvent deleted(Json object) { return {WatchEvent::Type::Deleted, std::move(object)}; }
inline WatchEvent bookmark(const std::string& version, Json annotations = Json::object()) {
  return {WatchEvent::Type::Bookmark,
          {{"kind", "ConfigMap"}, {"metadata", {{"resourceVersion", version}, {"annotations", std::move(annotations)}}}}};
}

// What reflector and store tests project to.
struct Thing {
  ObjectMeta meta;
  std::string value;
};
inline Thing parse_thing(const Json& json) {
  const Json& value = at(json, {"data", "value"});
  return {parse_meta(json), value.is_string() ? value.get<std::string>() : ""};
}

}  // namespace sluice::kube::test
