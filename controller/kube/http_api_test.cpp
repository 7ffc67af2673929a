#include "controller/kube/http_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/kube/api_path.h"
#include "controller/kube/scripted_for_test.h"

namespace sluice::kube {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Name kWeb{"shop", "web"};

Json status(int code, const std::string& reason, const std::string& message, Json details = Json::object()) {
  return {{"kind", "Status"}, {"apiVersion", "v1"}, {"code", code}, {"reason", reason}, {"message", message}, {"details", details}};
}

Json page(std::vector<std::string> names, const std::string& version, const std::string& next = "") {
  Json items = Json::array();
  for (const auto& name : names) items.push_back({{"metadata", {{"name", name}, {"managedFields", {1, 2, 3}}}}});
  return {{"kind", "ConfigMapList"}, {"metadata", {{"resourceVersion", version}, {"continue", next}}}, {"items", items}};
}

TEST(HttpApi, AsksUnderThePathOfTheResource) {
  ScriptedHttp http;
  http.transport->answer(200, object("web", "1"));
  http.transport->answer(200, object("web", "1"));
  http.transport->answer(200, page({}, "1"));
  ASSERT_TRUE(http.api.get(resources::kConfigMaps, kWeb));
  ASSERT_TRUE(http.api.patch(resources::kDeployments, kWeb, PatchType::Apply, Json::object(), {"sluice traffic", true, true, "status"}));
  ASSERT_TRUE(http.api.list(resources::kHttpRoutes, {"", "app=web,tier!=x", "", 0}));
  EXPECT_EQ(http.transport->requests[0].target, "/api/v1/namespaces/shop/configmaps/web");
  EXPECT_EQ(http.transport->requests[1].target,
            "/apis/apps/v1/namespaces/shop/deployments/web/status?fieldManager=sluice%20traffic&force=true&dryRun=All&timeout=4s");
  EXPECT_EQ(http.transport->requests[1].headers["Content-Type"], "application/apply-patch+yaml");
  EXPECT_EQ(http.transport->requests[2].target, "/apis/gateway.networking.k8s.io/v1/httproutes?labelSelector=app%3Dweb%2Ctier%21%3Dx");
}

TEST(HttpApi, StopEndsReadsButNoWriteOnItsWayNorTheReleaseOfALeaseAfterIt) {
  std::stop_source stop;
  stop.request_stop();
  ScriptedHttp http({.stop = stop.get_token()});
  const auto read = http.api.get(resources::kConfigMaps, kWeb);
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().is(Error::Kind::Cancelled)) << to_string(read.error());
  http.transport->answer(200, object("web", "2"));
  const auto written = http.api.update(resources::kLeases, {{"metadata", {{"namespace", "shop"}, {"name", "web"}}}});
  EXPECT_TRUE(written) << to_string(written.error());
}

TEST(HttpApi, NamesThatWouldLeaveThePathAreRefusedWithoutAsking) {
  ScriptedHttp http;
  for (const Name& name :
       {Name{"shop", ""}, Name{"shop", "a/b"}, Name{"shop", ".."}, Name{"..", "web"}, Name{"", "web"}, Name{"shop", "a\nb"}}) {
    const auto got = http.api.get(resources::kConfigMaps, name);
    ASSERT_FALSE(got) << name.str();
    EXPECT_TRUE(got.error().is(Error::Kind::Invalid)) << to_string(got.error());
  }
  EXPECT_TRUE(http.transport->requests.empty());
}

TEST(HttpApi, ListsAreReadInPagesAndJoined) {
  ScriptedHttp http;
  http.transport->answer(200, page({"a", "b"}, "10", "more/=="));
  http.transport->answer(200, page({"c"}, "10"));
  const auto list = http.api.list(resources::kConfigMaps, {"shop", "", "", 2});
  ASSERT_TRUE(list);
  ASSERT_EQ(list->items.size(), 3u);
  EXPECT_EQ(list->resource_version, "10");
  EXPECT_EQ(list->items[2]["kind"], "ConfigMap");
  EXPECT_FALSE(list->items[0]["metadata"].contains("managedFields"));
  EXPECT_EQ(http.transport->requests[1].target, "/api/v1/namespaces/shop/configmaps?limit=2&continue=more%2F%3D%3D");
}

TEST(HttpApi, A410WhilePagingBeginsAgainInOnePieceAndMixesNoSnapshots) {
  ScriptedHttp http;
  http.transport->answer(200, page({"old"}, "10", "token"));
  http.transport->answer(410, status(410, "Expired", "The provided continue parameter is too old"));
  http.transport->answer(200, page({"new"}, "20"));
  const auto list = http.api.list(resources::kConfigMaps, {"shop", "", "", 1});
  ASSERT_TRUE(list) << to_string(list.error());
  ASSERT_EQ(list->items.size(), 1u);
  EXPECT_EQ(list->items[0]["metadata"]["name"], "new");
  EXPECT_EQ(list->resource_version, "20");
  EXPECT_EQ(http.transport->requests[2].target, "/api/v1/namespaces/shop/configmaps");
}

TEST(HttpApi, AServerThatRepeatsItsContinueTokenDoesNotHoldUsForever) {
  ScriptedHttp http;
  for (int i = 0; i < 3; ++i) http.transport->answer(200, page({"a"}, "10", "same"));
  const auto list = http.api.list(resources::kConfigMaps);
  ASSERT_FALSE(list);
  EXPECT_TRUE(list.error().is(Error::Kind::Corrupt));
}

TEST(HttpApi, StatusObjectsBecomeErrorsWithTheServersWords) {
  struct Case {
    int code;
    const char* reason;
    Error::Kind kind;
  };
  for (const auto& [code, reason, kind] :
       {Case{404, "NotFound", Error::Kind::NotFound}, Case{409, "AlreadyExists", Error::Kind::Exists},
        Case{409, "Conflict", Error::Kind::Conflict}, Case{403, "Forbidden", Error::Kind::Forbidden},
        Case{422, "Invalid", Error::Kind::Invalid}, Case{400, "BadRequest", Error::Kind::Invalid}, Case{410, "Gone", Error::Kind::Expired},
        Case{410, "", Error::Kind::Expired}, Case{429, "TooManyRequests", Error::Kind::Unavailable},
        Case{500, "InternalError", Error::Kind::Unavailable}, Case{504, "Timeout", Error::Kind::Unavailable}}) {
    ScriptedHttp http;
    http.transport->answer(code, status(code, reason, "the server's words"));
    const auto got = http.api.create(resources::kConfigMaps, object("web", ""));
    ASSERT_FALSE(got);
    EXPECT_EQ(name(got.error().kind), name(kind)) << code;
    EXPECT_EQ(got.error().http_status, code);
    EXPECT_EQ(got.error().message, "create configmap shop/web: the server's words");
  }
}

TEST(HttpApi, AFailedTestOfAJsonPatchIsAConflictAndAFailedValidationIsNot) {
  const Json patch = Json::array({{{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", "1"}}});
  ScriptedHttp http;
  http.transport->answer(422, status(422, "Invalid", "the server rejected our request due to an error in our request"));
  http.transport->answer(422, status(422, "Invalid", "Deployment.apps \"web\" is invalid", {{"causes", {{{"field", "spec.replicas"}}}}}));
  http.transport->answer(422, status(422, "Invalid", "the server rejected our request due to an error in our request"));
  EXPECT_TRUE(http.api.patch(resources::kDeployments, kWeb, PatchType::Json, patch).error().is(Error::Kind::Conflict));
  EXPECT_TRUE(http.api.patch(resources::kDeployments, kWeb, PatchType::Json, patch).error().is(Error::Kind::Invalid));
  EXPECT_TRUE(http.api.patch(resources::kDeployments, kWeb, PatchType::Merge, Json::object()).error().is(Error::Kind::Invalid));
}

TEST(HttpApi, ReadsAreTriedAgainAsLateAsRetryAfterSays) {
  ScriptedHttp http;
  http.transport->answer(429, status(429, "TooManyRequests", "slow down"), {{"Retry-After", "3"}});
  http.transport->answers.push_back(fail(Error::Kind::Unavailable, "connection reset"));
  http.transport->answer(200, object("web", "1"));
  ASSERT_TRUE(http.api.get(resources::kConfigMaps, kWeb));
  ASSERT_EQ(http.waits->size(), 2u);
  EXPECT_GE((*http.waits)[0], Duration(3000));
  EXPECT_GE((*http.waits)[1], Duration(200));
}

TEST(HttpApi, ReadsAreNotTriedForever) {
  ScriptedHttp http({.read_attempts = 3});
  for (int i = 0; i < 10; ++i) http.transport->answer(503, status(503, "ServiceUnavailable", "down"));
  const auto got = http.api.get(resources::kConfigMaps, kWeb);
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().is(Error::Kind::Unavailable));
  EXPECT_EQ(http.transport->requests.size(), 3u);
}

TEST(HttpApi, WritesAreSentOnceAndTheirRetryAfterIsReported) {
  ScriptedHttp http;
  http.transport->answer(429, status(429, "TooManyRequests", "slow down", {{"retryAfterSeconds", 7}}));
  const auto got = http.api.update(resources::kConfigMaps, object("web", "1"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().retry_after, Duration(7000));
  EXPECT_EQ(http.transport->requests.size(), 1u);
  EXPECT_TRUE(http.waits->empty());
}

TEST(HttpApi, DeletesCarryTheirPreconditions) {
  ScriptedHttp http;
  http.transport->answer(200, status(200, "", ""));
  ASSERT_TRUE(http.api.remove(resources::kConfigMaps, kWeb, {"u1", "7", "Foreground"}));
  EXPECT_EQ(http.transport->requests[0].method, "DELETE");
  EXPECT_EQ(*parse_json(http.transport->requests[0].body), (Json{{"apiVersion", "v1"},
                                                                 {"kind", "DeleteOptions"},
                                                                 {"propagationPolicy", "Foreground"},
                                                                 {"preconditions", {{"uid", "u1"}, {"resourceVersion", "7"}}}}));
}

TEST(HttpApi, ApplyWithoutAFieldManagerIsRefused) {
  ScriptedHttp http;
  EXPECT_TRUE(http.api.patch(resources::kDeployments, kWeb, PatchType::Apply, Json::object()).error().is(Error::Kind::Invalid));
}

TEST(HttpApi, AnswersThatAreNotJsonAreCorrupt) {
  for (const std::string& body : {std::string("<html>"), std::string("{\"a\":"), std::string("[1]"), std::string(5000, '[')}) {
    ScriptedHttp http;
    http.transport->answer_text(200, body);
    EXPECT_TRUE(http.api.get(resources::kConfigMaps, kWeb).error().is(Error::Kind::Corrupt));
    http.transport->answer_text(200, body);
    EXPECT_TRUE(http.api.list(resources::kConfigMaps).error().is(Error::Kind::Corrupt));
  }
  ScriptedHttp http({.read_attempts = 1});
  http.transport->answer_text(502, "<html>bad gateway</html>");
  const auto got = http.api.get(resources::kConfigMaps, kWeb);
  EXPECT_TRUE(got.error().is(Error::Kind::Unavailable));
  EXPECT_THAT(got.error().message, HasSubstr("bad gateway"));
}

class RotatingCredentials final : public CredentialSource {
 public:
  int refusals = 0;
  Expected<Credentials> current() override {
    Credentials out;
    out.endpoint.tls.client_certificate = "cert" + std::to_string(refusals);
    out.path_prefix = "/k8s/c1";
    out.headers["Authorization"] = "Bearer t" + std::to_string(refusals);
    return out;
  }
  void refused() override { ++refusals; }
};

TEST(HttpApi, A401ReadsTheCredentialsAnewAndSendsOnceMore) {
  const auto credentials = std::make_shared<RotatingCredentials>();
  ScriptedHttp http({}, credentials);
  http.transport->answer(401, status(401, "Unauthorized", "Unauthorized"));
  http.transport->answer(201, object("web", "1"));
  ASSERT_TRUE(http.api.create(resources::kConfigMaps, object("web", "")));
  EXPECT_EQ(http.transport->requests[0].headers["Authorization"], "Bearer t0");
  EXPECT_EQ(http.transport->requests[1].headers["Authorization"], "Bearer t1");
  EXPECT_THAT(http.transport->requests[1].target, HasSubstr("/k8s/c1/api/v1/"));
  EXPECT_THAT(http.transport->made_for, ElementsAre("cert0", "cert1"));

  http.transport->answer(401, status(401, "Unauthorized", "Unauthorized"));
  http.transport->answer(401, status(401, "Unauthorized", "Unauthorized"));
  EXPECT_TRUE(http.api.create(resources::kConfigMaps, object("web", "")).error().is(Error::Kind::Forbidden));
}

std::string event(const std::string& type, const Json& object) { return Json{{"type", type}, {"object", object}}.dump() + "\n"; }

struct Watched {
  Expected<void> end;
  std::vector<std::string> names;
};

Watched watch(StreamScript script, HttpApiOptions options = {}) {
  ScriptedHttp http(std::move(options));
  http.transport->streams.push_back(std::move(script));
  Watched out;
  WatchOptions from;
  from.resource_version = "5";
  out.end = http.api.watch(resources::kConfigMaps, from,
                           [&](const WatchEvent& e) {
                             out.names.push_back(name_of(e.object).name + "@" + resource_version_of(e.object));
                             return true;
                           },
                           {});
  return out;
}

TEST(Watch, AsksForBookmarksFromThePositionAndForAnEnd) {
  ScriptedHttp http;
  http.transport->streams.push_back({});
  WatchOptions from;
  from.resource_version = "5";
  from.timeout = Duration(301'000);
  ASSERT_TRUE(http.api.watch(resources::kConfigMaps, from, [](const WatchEvent&) { return true; }, {}));
  EXPECT_EQ(http.transport->requests[0].target,
            "/api/v1/configmaps?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=301");
  EXPECT_GT(http.transport->requests[0].idle, Duration(60'000));
}

TEST(Watch, EventsTornAnywhereAreReadTheSame) {
  const std::string bytes =
      event("ADDED", object("a", "6")) + "\r\n" + event("MODIFIED", object("b\xc3\xa9", "7")) + event("BOOKMARK", object("", "9"));
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    StreamScript script;
    for (std::size_t i = 0; i < bytes.size(); i += size) script.chunks.push_back(bytes.substr(i, size));
    const Watched got = watch(script);
    ASSERT_TRUE(got.end);
    EXPECT_THAT(got.names, ElementsAre("a@6", "b\xc3\xa9@7", "@9")) << size;
  }
}

TEST(Watch, A410AsAnswerAndA410InsideTheStreamAreBothExpired) {
  StreamScript as_answer;
  as_answer.head = {410, {}, status(410, "Expired", "too old resource version").dump()};
  EXPECT_TRUE(watch(as_answer).end.error().is(Error::Kind::Expired));

  StreamScript inside;
  inside.chunks = {event("ADDED", object("a", "6")), event("ERROR", status(410, "Expired", "too old resource version"))};
  const Watched got = watch(inside);
  EXPECT_TRUE(got.end.error().is(Error::Kind::Expired));
  EXPECT_THAT(got.names, ElementsAre("a@6"));
}

TEST(Watch, OtherErrorsOfTheStreamKeepTheirKind) {
  StreamScript script;
  script.chunks = {event("ERROR", status(429, "TooManyRequests", "later", {{"retryAfterSeconds", 2}}))};
  const Watched got = watch(script);
  EXPECT_TRUE(got.end.error().is(Error::Kind::Unavailable));
  EXPECT_EQ(got.end.error().retry_after, Duration(2000));
}

TEST(Watch, ALineWithoutEndIsCorruptAsSoonAsTheLimitIsPassed) {
  StreamScript script;
  for (int i = 0; i < 40; ++i) script.chunks.push_back(std::string(1024 * 1024, 'x'));
  const Watched got = watch(script);
  EXPECT_TRUE(got.end.error().is(Error::Kind::Corrupt));
  EXPECT_THAT(got.end.error().message, HasSubstr("larger than 16777216 bytes"));
}

TEST(Watch, HostileLinesAreCorruptAndNeverACrash) {
  for (const std::string line : {"{\"type\":\"ADDED\",\"object\":{", "NaN", "null", "[]", "{}", "{\"type\":3,\"object\":{}}",
                                 "{\"type\":\"ADDED\",\"object\":7}", "{\"type\":\"ADDED\",\"object\":{\"a\":NaN}}", "\xff\xfe\x00\x01"}) {
    StreamScript script;
    script.chunks = {line + "\n"};
    const Watched got = watch(script);
    ASSERT_FALSE(got.end) << line;
    EXPECT_TRUE(got.end.error().is(Error::Kind::Corrupt)) << line;
    EXPECT_TRUE(got.names.empty());
  }
}

TEST(Watch, AnEventThatWasCutOffByTheEndOfTheStreamIsNotDelivered) {
  StreamScript script;
  const std::string whole = event("ADDED", object("a", "6"));
  script.chunks = {whole, whole.substr(0, 20)};
  const Watched got = watch(script);
  EXPECT_TRUE(got.end);
  EXPECT_EQ(got.names.size(), 1u);
}

TEST(Watch, TypesOfTheFutureAreSkipped) {
  StreamScript script;
  script.chunks = {event("PROGRESS", object("a", "6")), event("ADDED", object("b", "7"))};
  EXPECT_THAT(watch(script).names, ElementsAre("b@7"));
}

TEST(Watch, ABrokenConnectionIsUnavailable) {
  StreamScript script;
  script.end = fail(Error::Kind::Unavailable, "reset");
  EXPECT_TRUE(watch(script).end.error().is(Error::Kind::Unavailable));
}

}  // namespace
}  // namespace sluice::kube
