#include <future>
#include <map>
#include <mutex>
#include <set>

#include "sample-service/service/service_for_test.h"

namespace courier::testing {
namespace {

TEST_F(CourierService, TheCheapRoutesSayVersionAndPod) {
  start();
  for (const char* path : {"/", "/version"}) {
    const Response answer = get(path);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(json::parse(answer.body)["version"], "v7");
    EXPECT_EQ(json::parse(answer.body)["pod"], "courier-abc");
  }
}

TEST_F(CourierService, AMessageIsTakenOnceDeliveredAndAnswered) {
  std::mutex mutex;
  std::vector<std::string> received;
  RawServer sink([&](RawConnection& peer, int) {
    std::string request = peer.read_head();
    if (request.empty()) return;
    request += peer.read_exactly(8);
    {
      const std::lock_guard lock(mutex);
      received.push_back(request);
    }
    peer.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  settings.endpoints.default_endpoint = sink.url() + "/hook/?a=b";
  start();
  const Response first = post(R"({"payload": {"n": 12}})", "key-1");
  ASSERT_EQ(first.status, 202) << first.body;
  const Response again = post(R"({"payload": {"n": 12}})", "key-1");
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.headers.at("Idempotency-Replayed"), "true");
  const std::string location = first.headers.at("Location");
  EXPECT_EQ(again.headers.at("Location"), location);
  EXPECT_EQ(post(R"({"payload": {"n": 13}})", "key-1").status, 422);

  const json message = ended(location);
  EXPECT_EQ(message["state"], "delivered") << message;
  EXPECT_EQ(message["attempts"], 1);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_TRUE(received[0].starts_with("POST /hook/?a=b HTTP/1.1\r\n")) << received[0];
  EXPECT_NE(received[0].find("webhook-id:" + message["id"].get<std::string>()), std::string::npos) << received[0];
  EXPECT_TRUE(received[0].ends_with("{\"n\":12}")) << received[0];
}

TEST_F(CourierService, MistakesAreAnsweredWithProblems) {
  start();
  const auto expect = [](const Response& answer, int status, const std::string& word) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.headers.at("Content-Type"), "application/problem+json");
    EXPECT_NE(answer.body.find(word), std::string::npos) << answer.body;
  };
  expect(get("/nothing"), 404, "/nothing");
  expect(get("/v1/messages/unknown"), 404, "unknown");
  expect(send(*client, "POST", "/v1/messages", R"({"payload":1})"), 400, "Idempotency-Key");
  expect(post("{", "k"), 400, "JSON");
  expect(post(R"({"payload":1})", "k"), 400, "endpoint");
  const Response wrong = send(*client, "DELETE", "/v1/messages");
  expect(wrong, 405, "DELETE");
  EXPECT_EQ(wrong.headers.at("Allow"), "GET, HEAD, POST");
  expect(ask("GET", "/", "", {{"X-Request-Timeout-Ms", "soon"}}), 400, "soon");
  expect(get("/v1/messages?limit=0"), 400, "limit");
  expect(get("/v1/messages?cursor=!"), 400, "cursor");
}

TEST_F(CourierService, DeeplyNestedBodiesAreRefusedAndDoNotExhaustTheStack) {
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  start();
  const std::string deep = std::string(400'000, '[') + std::string(400'000, ']');
  EXPECT_EQ(post("{\"payload\":" + deep + "}", "k").status, 400);
  EXPECT_EQ(ask("POST", "/v1/endpoints", "{\"url\":" + deep + "}").status, 400);
  EXPECT_EQ(get("/").status, 200);
}

TEST_F(CourierService, AnEndpointIsChangedOnlyByWhoHasReadItsVersion) {
  settings.endpoints.allowed = {"http://hooks.example"};
  start();
  const Response created = ask("POST", "/v1/endpoints", R"({"url": "http://hooks.example/a", "topics": ["order.paid"]})");
  ASSERT_EQ(created.status, 201) << created.body;
  const std::string location = created.headers.at("Location");
  EXPECT_EQ(created.headers.at("ETag"), "\"1\"");
  EXPECT_TRUE(json::parse(created.body)["secret"].get<std::string>().starts_with("whsec_")) << "shown this once";
  EXPECT_FALSE(json::parse(get(location).body).contains("secret"));

  const std::string change = R"({"state": "paused", "maxInFlight": 9})";
  EXPECT_EQ(ask("PATCH", location, change).status, 428);
  EXPECT_EQ(ask("PATCH", location, change, {{"If-Match", "1"}}).status, 400);
  const Response changed = ask("PATCH", location, change, {{"If-Match", "\"1\""}});
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.headers.at("ETag"), "\"2\"");
  EXPECT_EQ(json::parse(changed.body)["state"], "paused");
  EXPECT_EQ(json::parse(changed.body)["url"], "http://hooks.example/a") << "what is not named stays";
  EXPECT_EQ(ask("PATCH", location, change, {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(ask("PATCH", location, R"({"url": "http://evil.example/"})", {{"If-Match", "\"2\""}}).status, 400);
  EXPECT_EQ(ask("DELETE", location, "", {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(ask("DELETE", location, "", {{"If-Match", "\"2\""}}).status, 204);
  EXPECT_EQ(get(location).status, 404);
}

TEST_F(CourierService, AChangeIsReadAtOnceWhereItWasMadeThoughReadsAreCached) {
  settings.endpoints.allowed = {"http://hooks.example"};
  settings.cache_ttl = Duration(3'600'000);
  start();
  const std::string location = ask("POST", "/v1/endpoints", R"({"url": "http://hooks.example/a"})").headers.at("Location");
  const Response first = get(location);
  const Response second = get(location);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.headers.at("ETag"), "\"1\"");
  const std::string text = send(*admin, "GET", "/metrics").body;
  for (const char* line : {"cache_requests_total{cache=\"endpoints\",layer=\"l1\",result=\"hit\"} 1\n",
                           "cache_requests_total{cache=\"endpoints\",layer=\"l1\",result=\"miss\"} 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
  ASSERT_EQ(ask("PATCH", location, R"({"state": "paused"})", {{"If-Match", "\"1\""}}).status, 200);
  const Response changed = get(location);
  EXPECT_EQ(json::parse(changed.body)["state"], "paused");
  EXPECT_EQ(changed.headers.at("ETag"), "\"2\"");
  ASSERT_EQ(ask("DELETE", location).status, 204);
  EXPECT_EQ(get(location).status, 404);
}

TEST_F(CourierService, AListIsReadPageByPageWithoutLossOrRepetition) {
  settings.endpoints.allowed = {"http://hooks.example"};
  start();
  std::set<std::string> created;
  for (int i = 0; i < 7; ++i) created.insert(json::parse(ask("POST", "/v1/endpoints", R"({"url": "http://hooks.example/"})").body)["id"]);
  std::vector<std::string> read;
  std::string target = "/v1/endpoints?limit=3";
  for (int page = 0; page < 10; ++page) {
    const json body = json::parse(get(target).body);
    for (const auto& item : body["items"]) read.push_back(item["id"]);
    if (!body.contains("next")) break;
    target = "/v1/endpoints?limit=3&cursor=" + body["next"].get<std::string>();
  }
  EXPECT_EQ(read.size(), 7U);
  EXPECT_EQ(std::set<std::string>(read.begin(), read.end()), created);
}

TEST_F(CourierService, AMessageThatWasReadIsNotSentAgainUntilItChanges) {
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  settings.worker.threads = 0;
  start();
  const std::string location = post(R"({"payload":1})", "a").headers.at("Location");
  const Response read = get(location);
  const Response unchanged = ask("GET", location, "", {{"If-None-Match", read.headers.at("ETag")}});
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(unchanged.body, "");
}

TEST_F(CourierService, WithAuthenticationAKeyBecomesATokenThatSeesItsTenantOnly) {
  settings.edge.auth_required = true;
  settings.admin_key = std::string(32, 'a');
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  start();
  const auto bearer = [](const std::string& secret) { return sluice::http::Headers{{"Authorization", "Bearer " + secret}}; };
  const auto token_for = [&](const std::string& key) {
    return json::parse(ask("POST", "/v1/tokens", "", bearer(key)).body)["access_token"].get<std::string>();
  };
  EXPECT_EQ(get("/").status, 200) << "the cheap routes stay open";
  EXPECT_EQ(get("/v1/messages").status, 401);
  EXPECT_EQ(ask("POST", "/v1/tokens").status, 401);
  EXPECT_EQ(ask("POST", "/v1/tokens", "", bearer("ck_guess")).status, 401);

  const std::string admin_token = token_for(settings.admin_key);
  EXPECT_EQ(ask("GET", "/v1/messages", "", bearer(admin_token)).status, 403) << "the admin key is for tenants only";
  std::map<std::string, std::string> tokens;
  std::string key_location;
  for (const std::string tenant : {"acme", "globex"}) {
    ASSERT_EQ(ask("POST", "/v1/tenants", R"({"id": ")" + tenant + "\"}", bearer(admin_token)).status, 201);
    const Response made = ask("POST", "/v1/tenants/" + tenant + "/keys", "", bearer(admin_token));
    ASSERT_EQ(made.status, 201) << made.body;
    tokens[tenant] = token_for(json::parse(made.body)["key"]);
    key_location = "/v1/tenants/" + tenant + "/keys/" + json::parse(made.body)["id"].get<std::string>();
    EXPECT_EQ(get(key_location).status, 405);
    EXPECT_EQ(ask("GET", "/v1/tenants/" + tenant + "/keys", "", bearer(admin_token)).body.find("ck_"), std::string::npos);
  }
  EXPECT_EQ(ask("POST", "/v1/tenants", R"({"id": "mine"})", bearer(tokens["acme"])).status, 403);

  auto headers = bearer(tokens["acme"]);
  headers["Idempotency-Key"] = "k";
  const Response posted = ask("POST", "/v1/messages", R"({"payload": 1})", headers);
  ASSERT_EQ(posted.status, 202) << posted.body;
  EXPECT_EQ(ask("GET", posted.headers.at("Location"), "", bearer(tokens["acme"])).status, 200);
  EXPECT_EQ(ask("GET", posted.headers.at("Location"), "", bearer(tokens["globex"])).status, 404) << "of another tenant";
  EXPECT_TRUE(json::parse(ask("GET", "/v1/messages", "", bearer(tokens["globex"])).body)["items"].empty());

  EXPECT_EQ(ask("POST", "/v1/tokens", R"({"scope": "tenants:write"})", bearer(settings.admin_key)).status, 200);
  EXPECT_EQ(ask("DELETE", key_location, "", bearer(admin_token)).status, 204);
}

TEST_F(CourierService, OverloadIsAnsweredBeforeTheBodyIsRead) {
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  settings.edge.quota = {.per_second = 0.001, .burst = 1};
  start();
  EXPECT_EQ(post(R"({"payload":1})", "a").status, 202);
  const int fd = sluice::http::testing::connect_to(service->port());
  RawConnection connection(fd);
  connection.write("POST /v1/messages HTTP/1.1\r\nHost: x\r\nIdempotency-Key: b\r\nContent-Length: 1000\r\n\r\n");
  const std::string answer = connection.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 429 ")) << answer;
  EXPECT_NE(answer.find("Retry-After: "), std::string::npos) << answer;
  EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << answer;
  ::close(fd);
}

TEST_F(CourierService, SlowlorisIsClosedAndOthersAreServedMeanwhile) {
  start();
  std::vector<std::unique_ptr<RawConnection>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<RawConnection>(sluice::http::testing::connect_to(service->port())));
    slow.back()->write("POST /echo HTTP/1.1\r\nHost: x\r\nX-Request-Timeout-Ms: 200\r\nContent-Length: 10\r\n\r\nx");
  }
  EXPECT_EQ(get("/").status, 200);
  for (auto& connection : slow) {
    EXPECT_TRUE(connection->closed_within(5'000));
    ::close(connection->fd());
  }
}

TEST_F(CourierService, TheServersOwnRefusalsAreProblemsToo) {
  start();
  for (const char* sent : {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    const int fd = sluice::http::testing::connect_to(service->port());
    RawConnection connection(fd);
    connection.write(sent);
    const std::string answer = connection.read_to_end();
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << sent << answer;
    ::close(fd);
  }
}

TEST_F(CourierService, TheDocumentOfTheApiIsServed) {
  start();
  const Response answer = get("/openapi.json");
  EXPECT_EQ(answer.headers.at("Content-Type"), "application/json");
  EXPECT_EQ(json::parse(answer.body)["openapi"], "3.1.0");
}

TEST_F(CourierService, FiftyRacingDuplicatesHaveOneEffect) {
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  start();
  std::vector<std::future<Response>> answers;
  for (int i = 0; i < 50; ++i) {
    answers.push_back(std::async(std::launch::async, [&] { return post(R"({"payload":1})", "same"); }));
  }
  std::set<std::string> bodies;
  int fresh = 0;
  for (auto& answer : answers) {
    const Response response = answer.get();
    EXPECT_EQ(response.status, 202) << response.body;
    bodies.insert(response.body);
    if (!response.headers.contains("Idempotency-Replayed")) ++fresh;
  }
  EXPECT_EQ(bodies.size(), 1U);
  EXPECT_EQ(fresh, 1);
}

}  // namespace
}  // namespace courier::testing
