#include "sample-service/service/service.h"

#include <atomic>
#include <future>
#include <latch>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/http/raw_server_for_test.h"
#include "common/http/transport.h"
#include "sample-service/api/routes.h"
#include "sample-service/domain/endpoint.h"
#include "sample-service/store/open.h"
#include "sample-service/trust/secret_text.h"

namespace courier {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using sluice::http::Request;
using sluice::http::Response;
using sluice::http::testing::RawConnection;
using sluice::http::testing::RawServer;

Random counting_random() {
  auto next = std::make_shared<std::atomic<unsigned>>(0);
  return [next] { return (*next)++ * 2654435761U / 0x1p32; };  // 32 bits, as ids want them: no two of them are alike
}

class CourierService : public ::testing::Test {
 protected:
  CourierService() {
    settings.address = "127.0.0.1";
    settings.port = settings.admin_port = 0;
    settings.database = ":memory:";
    settings.identity = {"v7", "courier-abc"};
    settings.lame_duck = settings.closing = Duration(0);
    settings.worker.first_delay = Duration(10);
    settings.worker.longest_delay = Duration(20);
  }
  void start(Extras extras = {}) {
    auto started = Service::start(settings, std::move(extras), counting_random(),
                                  [](const std::string& origin) { return sluice::http::make_transport({.url = origin}); });
    ASSERT_TRUE(started) << started.error().message;
    service = std::move(*started);
    client = *sluice::http::make_transport({.url = "http://127.0.0.1:" + std::to_string(service->port())});
    admin = *sluice::http::make_transport({.url = "http://127.0.0.1:" + std::to_string(service->admin_port())});
  }
  static Response send(sluice::http::Transport& to, const std::string& method, const std::string& target, const std::string& body = {},
                       const sluice::http::Headers& headers = {}) {
    Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.headers = headers;
    const auto answer = to.send(request);
    EXPECT_TRUE(answer) << to_string(answer.error());
    return answer.value_or(Response{});
  }
  Response get(const std::string& target) { return send(*client, "GET", target); }
  Response post(const std::string& body, const std::string& key) {
    return send(*client, "POST", "/v1/messages", body, {{"Idempotency-Key", key}});
  }
  Response ask(const std::string& method, const std::string& target, const std::string& body = {},
               const sluice::http::Headers& headers = {}) {
    return send(*client, method, target, body, headers);
  }
  // The answer to the creation of an endpoint that delivers to this receiver.
  Response start_with_endpoint(const RawServer& receiver) {
    settings.endpoints.allowed = {receiver.url()};
    start();
    return ask("POST", "/v1/endpoints", R"({"url": ")" + receiver.url() + R"(/hook"})");
  }
  // Asks until the message has ended; every request waits for an answer of the store, so this does not spin.
  json ended(const std::string& location) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    for (;;) {
      const json message = json::parse(get(location).body);
      if (message["state"] != "pending" || std::chrono::steady_clock::now() > give_up) return message;
    }
  }

  Settings settings;
  std::unique_ptr<Service> service;
  std::shared_ptr<sluice::http::Transport> client;
  std::shared_ptr<sluice::http::Transport> admin;
};

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

TEST_F(CourierService, AFailingReceiverIsTriedAgainAndThenGivenUp) {
  std::atomic<int> attempts{0};
  RawServer sink([&](RawConnection& peer, int) {
    if (peer.read_head().empty()) return;
    const bool good = ++attempts == 3;
    peer.write(good ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    : "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  settings.endpoints.default_endpoint = sink.url() + "/";
  settings.worker.max_attempts = 3;
  settings.worker.threads = 1;
  start();
  const json delivered = ended(post(R"({"payload":1})", "a").headers.at("Location"));
  EXPECT_EQ(delivered["state"], "delivered") << delivered;
  EXPECT_EQ(delivered["attempts"], 3);
  const json dead = ended(post(R"({"payload":1})", "b").headers.at("Location"));
  EXPECT_EQ(dead["state"], "dead") << dead;
  EXPECT_EQ(dead["lastError"], "the receiver answered 500");
  EXPECT_EQ(attempts, 6);
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

TEST_F(CourierService, ADeadMessageIsListedAndReplayedOnce) {
  std::atomic<bool> good{false};
  RawServer sink([&](RawConnection& peer, int) {
    if (peer.read_head().empty()) return;
    peer.write(good ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    : "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  settings.endpoints.default_endpoint = sink.url() + "/";
  settings.worker.max_attempts = 1;
  start();
  const std::string location = post(R"({"payload":1})", "a").headers.at("Location");
  EXPECT_EQ(ended(location)["state"], "dead");
  const json dead = json::parse(get("/v1/dead-letters").body)["items"];
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ("/v1/messages/" + dead[0]["message"].get<std::string>(), location);

  good = true;
  EXPECT_EQ(ask("POST", location + "/replay").status, 400) << "the key is missing";
  const Response replayed = ask("POST", location + "/replay", "", {{"Idempotency-Key", "r"}});
  EXPECT_EQ(replayed.status, 202) << replayed.body;
  const Response again = ask("POST", location + "/replay", "", {{"Idempotency-Key", "r"}});
  EXPECT_EQ(again.body, replayed.body);
  EXPECT_EQ(again.headers.at("Idempotency-Replayed"), "true");
  EXPECT_EQ(ended(location)["state"], "delivered");
  EXPECT_EQ(ask("POST", location + "/replay", "", {{"Idempotency-Key", "s"}}).status, 409) << "nothing of it is dead";
  EXPECT_TRUE(json::parse(get("/v1/dead-letters").body)["items"].empty());
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

TEST_F(CourierService, ClientsCannotMakeItCallIntoItsOwnNetwork) {
  settings.endpoints.allowed = {"*"};
  settings.worker.max_attempts = 1;
  std::atomic<int> reached{0};
  RawServer inside([&](RawConnection&, int) { ++reached; });
  start();
  const std::string port = std::to_string(inside.port());
  EXPECT_EQ(post(R"({"payload":1,"endpoint":"http://127.0.0.1:)" + port + "/\"}", "a").status, 400);
  EXPECT_EQ(post(R"({"payload":1,"endpoint":"http://169.254.169.254/latest/meta-data/"})", "b").status, 400);
  EXPECT_EQ(ask("POST", "/v1/endpoints", R"({"url":"http://10.96.0.1/"})").status, 400);
  // A name can only be judged when it is called.
  const Response posted = post(R"({"payload":1,"endpoint":"http://localhost:)" + port + "/\"}", "c");
  ASSERT_EQ(posted.status, 202) << posted.body;
  const json message = ended(posted.headers.at("Location"));
  EXPECT_EQ(message["state"], "dead");
  EXPECT_NE(message["lastError"].get<std::string>().find("no address that may be called"), std::string::npos) << message;
  EXPECT_EQ(reached, 0);
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

TEST_F(CourierService, TheTraceReachesTheReceiver) {
  std::promise<std::string> delivered;
  RawServer sink([&](RawConnection& peer, int number) {
    std::string head = peer.read_head();
    if (number == 0) delivered.set_value(std::move(head));
    peer.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  settings.endpoints.default_endpoint = sink.url() + "/";
  start();
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  ASSERT_EQ(
      ask("POST", "/v1/messages", R"({"payload":1})", {{"Idempotency-Key", "a"}, {"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}})
          .status,
      202);
  const std::string head = delivered.get_future().get();
  EXPECT_NE(head.find("traceparent:00-" + trace + "-"), std::string::npos) << head;
}

std::string header_of(const std::string& head, const std::string& name) {
  const auto begin = head.find("\r\n" + name + ":");
  if (begin == std::string::npos) return {};
  const auto value = head.find_first_not_of(' ', begin + name.size() + 3);
  return head.substr(value, head.find("\r\n", value) - value);
}

TEST_F(CourierService, EachMessageIsOneTraceFromTheEdgeThroughTheRowToTheReceiver) {
  constexpr int kMessages = 40;
  std::mutex mutex;
  std::vector<json> spans;
  const auto read_body = [](RawConnection& peer, const std::string& head) {
    return peer.read_exactly(std::stoul("0" + header_of(head, "Content-Length")));
  };
  RawServer collector([&](RawConnection& peer, int) {
    for (;;) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      const json body = json::parse(read_body(peer, head));
      {
        const std::lock_guard lock(mutex);
        EXPECT_TRUE(head.starts_with("POST /v1/traces HTTP/1.1\r\n")) << head;
        for (const auto& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) spans.push_back(span);
      }
      peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    }
  });
  std::latch delivered(kMessages);
  std::map<std::string, std::string> receivers;  // webhook-id -> traceparent
  RawServer sink([&](RawConnection& peer, int) {
    const std::string head = peer.read_head();
    if (head.empty()) return;
    read_body(peer, head);
    {
      const std::lock_guard lock(mutex);
      receivers[header_of(head, "webhook-id")] = header_of(head, "traceparent");
    }
    peer.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    delivered.count_down();
  });
  const std::string database = ::testing::TempDir() + "courier-traces-" + std::to_string(::getpid()) + ".db";
  settings.database = database;
  settings.endpoints.default_endpoint = sink.url() + "/";
  settings.collector = collector.url();
  settings.edge.trace_ratio = 1;
  settings.edge.deadline.standard = Duration(10'000);  // however busy the machine is
  start();
  std::vector<std::string> ids;
  for (int i = 0; i < kMessages; ++i) {
    const std::string location = post(R"({"payload":1})", std::to_string(i)).headers.at("Location");
    ids.push_back(location.substr(location.rfind('/') + 1));
  }
  delivered.wait();
  service->drain();
  service.reset();

  const auto store = open_store({.database = database});
  ASSERT_TRUE(store) << store.error().message;
  const std::lock_guard lock(mutex);
  const auto attribute = [](const json& span, const std::string& key) {
    for (const auto& one : span["attributes"]) {
      if (one["key"] == key) return one["value"].value("stringValue", "");
    }
    return std::string();
  };
  for (const std::string& id : ids) {
    const auto row = sluice::http::parse_traceparent((*store)->lookup(std::string(kDefaultTenant), id)->message.traceparent);
    ASSERT_TRUE(row) << id;
    EXPECT_TRUE(row->sampled);
    std::map<std::string, json> of_message;
    for (const json& span : spans) {
      if (span["traceId"] == row->trace_id) of_message[span["name"]] = span;
    }
    ASSERT_EQ(of_message.size(), 4U) << json(of_message);
    const json& edge = of_message["POST /v1/messages"];
    EXPECT_EQ(edge["spanId"], row->span_id) << "the row carries the edge's span";
    EXPECT_FALSE(edge.contains("parentSpanId"));
    for (const char* child : {"store intake", "queue wait", "deliver"}) EXPECT_EQ(of_message[child]["parentSpanId"], row->span_id) << child;
    EXPECT_EQ(attribute(of_message["deliver"], "courier.message_id"), id);
    const auto receiver = sluice::http::parse_traceparent(receivers[id]);
    ASSERT_TRUE(receiver) << receivers[id];
    EXPECT_EQ(receiver->trace_id, row->trace_id);
    EXPECT_EQ(of_message["deliver"]["spanId"], receiver->span_id) << "the receiver's parent is the attempt";
    EXPECT_TRUE(receiver->sampled);
  }
  ::unlink(database.c_str());
}

TEST_F(CourierService, WhoAsksForOpenMetricsFindsTheTraceBehindABucket) {
  settings.collector = "http://127.0.0.1:1";
  settings.edge.trace_ratio = 0;
  start();
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  ask("GET", "/version", "", {{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}});
  get("/");
  const Response answer = send(*admin, "GET", "/metrics", "", {{"Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}});
  EXPECT_TRUE(answer.headers.at("Content-Type").starts_with("application/openmetrics-text")) << answer.headers.at("Content-Type");
  EXPECT_TRUE(answer.body.ends_with("\n# EOF\n"));
  const auto at = answer.body.find(" # {trace_id=\"" + trace + "\"} ");
  ASSERT_NE(at, std::string::npos) << answer.body;
  const auto line = answer.body.rfind('\n', at) + 1;
  EXPECT_TRUE(
      answer.body.substr(line).starts_with("http_request_duration_seconds_bucket{method=\"GET\",route=\"/version\",status=\"200\""));
  EXPECT_EQ(answer.body.find(" # {", at + 1), std::string::npos) << "of what is recorded alone";
  EXPECT_EQ(send(*admin, "GET", "/metrics").body.find(trace), std::string::npos);
}

TEST_F(CourierService, WithoutACollectorNothingIsTracedAndTheClientsWordIsPassedOn) {
  std::promise<std::string> delivered;
  RawServer sink([&](RawConnection& peer, int number) {
    std::string head = peer.read_head();
    if (number == 0) delivered.set_value(header_of(head, "traceparent"));
    peer.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  settings.endpoints.default_endpoint = sink.url() + "/";
  settings.edge.trace_ratio = 1;
  start();
  post(R"({"payload":1})", "a");
  EXPECT_TRUE(delivered.get_future().get().ends_with("-00"));
  EXPECT_EQ(send(*admin, "GET", "/metrics").body.find("trace_spans"), std::string::npos);
}

TEST_F(CourierService, ACollectorThatIsAwayChangesNothingForClients) {
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  settings.collector = "http://127.0.0.1:1";
  settings.edge.trace_ratio = 1;
  settings.worker.threads = 0;
  start();
  for (int i = 0; i < 2'600; ++i) ASSERT_EQ(get("/").status, 200);
  const std::string text = send(*admin, "GET", "/metrics").body;
  EXPECT_NE(text.find("\ntrace_spans_exported_total 0\n"), std::string::npos);
  const std::string line = "\ntrace_spans_dropped_total{reason=\"queue_full\"} ";
  const auto at = text.find(line);
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_GT(std::stod(text.substr(at + line.size())), 0);
  service->drain();
}

// What Standard Webhooks has a receiver compute.
std::string signature(const std::string& secret, const std::string& id, const std::string& timestamp, const std::string& body) {
  return "v1," + base64(hmac_sha256(*from_base64(secret.substr(6)), id + "." + timestamp + "." + body));
}

// A receiver that keeps the heads of the first deliveries, each with a body of so many bytes.
RawServer::Script keep_heads(std::vector<std::promise<std::string>>& delivered, std::size_t bytes) {
  return [&delivered, bytes](RawConnection& peer, int number) {
    std::string head = peer.read_head();
    peer.read_exactly(bytes);
    if (number < static_cast<int>(delivered.size())) delivered[static_cast<std::size_t>(number)].set_value(std::move(head));
    peer.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  };
}

TEST_F(CourierService, ADeliveryIsSignedWithTheSecretThatHoldsWhenItIsSent) {
  std::vector<std::promise<std::string>> delivered(2);
  RawServer sink(keep_heads(delivered, 7));
  const Response created = start_with_endpoint(sink);
  ASSERT_EQ(created.status, 201) << created.body;
  const auto verify = [&](std::size_t number, const std::string& secret) {
    const std::string id = json::parse(post(R"({"payload":{"n":1}})", std::to_string(number)).body)["id"];
    const std::string head = delivered[number].get_future().get();
    EXPECT_EQ(header_of(head, "webhook-id"), id) << head;
    EXPECT_EQ(header_of(head, "webhook-signature"), signature(secret, id, header_of(head, "webhook-timestamp"), R"({"n":1})")) << head;
  };
  verify(0, json::parse(created.body)["secret"]);
  const std::string next = "whsec_" + base64(std::string(32, 'n'));
  ASSERT_EQ(ask("PATCH", created.headers.at("Location"), R"({"secret": ")" + next + "\"}", {{"If-Match", "*"}}).status, 200);
  verify(1, next);
}

TEST_F(CourierService, WhileASecretIsRotatedTheReceiverMayKnowEitherOne) {
  std::vector<std::promise<std::string>> delivered(2);
  RawServer sink(keep_heads(delivered, 1));
  const Response created = start_with_endpoint(sink);
  ASSERT_EQ(created.status, 201) << created.body;
  const std::string location = created.headers.at("Location");
  const std::string old = json::parse(created.body)["secret"];
  EXPECT_EQ(ask("POST", location + "/rotate-secret").status, 428);
  EXPECT_EQ(ask("POST", location + "/rotate-secret", R"({"overlapSeconds": -1})", {{"If-Match", "*"}}).status, 400);
  const Response rotated = ask("POST", location + "/rotate-secret", "", {{"If-Match", "\"1\""}});
  ASSERT_EQ(rotated.status, 200) << rotated.body;
  EXPECT_EQ(rotated.headers.at("Cache-Control"), "no-store");
  EXPECT_EQ(rotated.headers.at("ETag"), "\"2\"");
  EXPECT_EQ(ask("POST", location + "/rotate-secret", "", {{"If-Match", "\"1\""}}).status, 412) << "once, though it is repeated";
  const std::string next = json::parse(rotated.body)["secret"];
  EXPECT_NE(next, old);
  const json read = json::parse(get(location).body);
  ASSERT_EQ(read["oldSecrets"].size(), 1U);
  const auto until = sluice::parse_time(read["oldSecrets"][0]["validUntil"].get<std::string>());
  const auto updated = sluice::parse_time(read["updated"].get<std::string>());
  EXPECT_EQ(*until - *updated, std::chrono::hours(24)) << read;
  EXPECT_EQ(get(location).body.find("whsec_"), std::string::npos);

  const auto signed_by = [&](std::size_t number, const std::vector<std::string>& secrets) {
    const std::string id = json::parse(post(R"({"payload":1})", std::to_string(number)).body)["id"];
    const std::string head = delivered[number].get_future().get();
    std::string expected;
    for (const auto& secret : secrets) {
      expected += (expected.empty() ? "" : " ") + signature(secret, id, header_of(head, "webhook-timestamp"), "1");
    }
    EXPECT_EQ(header_of(head, "webhook-signature"), expected) << head;
  };
  signed_by(0, {next, old});
  // A leaked secret is replaced at once, and with it all that were before.
  const std::string last = "whsec_" + base64(std::string(32, 'n'));
  const Response replaced = ask("PATCH", location, R"({"secret": ")" + last + "\"}", {{"If-Match", "*"}});
  ASSERT_EQ(replaced.status, 200) << replaced.body;
  EXPECT_FALSE(json::parse(replaced.body).contains("oldSecrets"));
  signed_by(1, {last});
}

TEST_F(CourierService, AStuckLoopKeepsTrafficAwayUntilItIsFree) {
  std::latch stuck(1);
  std::latch free(1);
  Extras extras;
  extras.wrap = [&](sluice::http::Handler inner) {
    return [&, inner](sluice::http::IncomingRequest in, sluice::http::ReplyPtr reply) {
      if (in.path == "/echo") {
        stuck.count_down();
        free.wait();  // what a handler must not do
      }
      inner(std::move(in), std::move(reply));
    };
  };
  start(std::move(extras));
  auto asked = std::async(std::launch::async, [&] { return ask("POST", "/echo", "x"); });
  stuck.wait();
  EXPECT_EQ(send(*admin, "GET", "/livez").status, 200);
  Response ready;
  do ready = send(*admin, "GET", "/readyz");
  while (ready.status == 200);
  EXPECT_NE(ready.body.find("event-loop: loop 0 has been busy"), std::string::npos) << ready.body;
  free.count_down();
  EXPECT_EQ(asked.get().body, "x");
  while (send(*admin, "GET", "/readyz").status != 200) {}
}

TEST_F(CourierService, TheDocumentOfTheApiIsServed) {
  start();
  const Response answer = get("/openapi.json");
  EXPECT_EQ(answer.headers.at("Content-Type"), "application/json");
  EXPECT_EQ(json::parse(answer.body)["openapi"], "3.1.0");
}

TEST_F(CourierService, MetricsCarryTheAgreedNamesAndNoRawPaths) {
  start();
  get("/");
  get("/v1/messages/some-id");
  get("/wp-admin.php");
  send(*client, "BREW", "/");
  const std::string text = send(*admin, "GET", "/metrics").body;
  for (const char* line :
       {"http_request_duration_seconds_count{method=\"GET\",route=\"/\",status=\"200\"} 1\n",
        "http_request_duration_seconds_bucket{method=\"GET\",route=\"/\",status=\"200\",le=\"0.25\"} 1\n",
        "http_request_duration_seconds_count{method=\"GET\",route=\"/v1/messages/{id}\",status=\"404\"} 1\n",
        "http_request_duration_seconds_count{method=\"GET\",route=\"unmatched\",status=\"404\"} 1\n",
        "http_request_duration_seconds_count{method=\"_OTHER\",route=\"/\",status=\"405\"} 1\n", "http_requests_in_flight 0\n",
        "fault_injection_active 0\n", "build_info{mode=\"embedded\",revision=\"unknown\",version=\"v7\"} 1\n", "queue_depth 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_EQ(text.find("wp-admin"), std::string::npos);
  EXPECT_EQ(text.find("some-id"), std::string::npos);
}

TEST_F(CourierService, WhatAlertsLookAtIsThereBeforeItHappens) {
  settings.threads = 2;
  start();
  std::string text;
  do text = send(*admin, "GET", "/metrics").body;
  while (text.find("\nqueue_depth ") == std::string::npos);
  for (const char* line :
       {"job_dead_total 0\n", "db_slow_queries_total{query=\"intake_message\"} 0\n", "db_slow_queries_total{query=\"end_loan\"} 0\n",
        "event_loop_lag_seconds{loop=\"0\"} ", "event_loop_lag_seconds{loop=\"1\"} ", "event_loop_lag_seconds{loop=\"admin\"} ",
        "queue_oldest_age_seconds 0\n", "outbox_oldest_age_seconds 0\n"}) {
    EXPECT_NE(text.find("\n" + std::string(line)), std::string::npos) << line << text;
  }
}

TEST_F(CourierService, AfterAllRoutesItHasFewerThanTwoThousandSeries) {
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  settings.endpoints.allowed = {"http://hooks.example"};
  settings.edge.auth_required = true;
  settings.admin_key = std::string(32, 'a');
  start();
  const auto token_for = [&](const std::string& key) {
    return json::parse(ask("POST", "/v1/tokens", "", {{"Authorization", "Bearer " + key}}).body)["access_token"].get<std::string>();
  };
  const std::string admin_token = token_for(settings.admin_key);
  const sluice::http::Headers as_admin{{"Authorization", "Bearer " + admin_token}};
  const auto key = json::parse(ask("POST", "/v1/tenants/default/keys", "", as_admin).body);
  const std::string token = token_for(key["key"]);
  sluice::http::Headers good{{"Authorization", "Bearer " + token}, {"Idempotency-Key", "k"}, {"If-Match", "*"}};
  const std::string message = ask("POST", "/v1/messages", R"({"payload":1})", good).headers.at("Location");
  const std::string endpoint = ask("POST", "/v1/endpoints", R"({"url":"http://hooks.example/"})", good).headers.at("Location");
  ask("POST", "/v1/tenants", R"({"id":"acme"})", as_admin);
  for (const Route& route : routes()) {
    std::string path(route.pattern);
    const auto fill = [&](const std::string& what, const std::string& with) {
      if (const auto at = path.find(what); at != std::string::npos) path.replace(at, what.size(), with);
    };
    fill("/v1/messages/{id}", message);
    fill("/v1/endpoints/{id}", endpoint);
    fill("{tenant}", "default");
    fill("{key}", "none");
    if (route.method == "DELETE") path += "x";  // the endpoint is needed
    const std::string method(route.method);
    const std::string body = method == "PATCH" ? R"({"state":"paused"})" : method == "GET" ? "" : "{";
    ask(method, path, body, route.scope == "tenants:write" ? as_admin : good);
    ask(method, path, "", {});                                                                       // 401
    ask(method, (path == "/" ? "" : path) + "/none", "", good);                                      // 404, of no route
    ask("PUT", path, "", good);                                                                      // 405
    ask(method, path, body, {{"Authorization", "Bearer " + token}, {"X-Request-Timeout-Ms", "x"}});  // 400
    if (method == "GET") ask("HEAD", path, "", good);
  }
  const std::string text = send(*admin, "GET", "/metrics").body;
  long lines = 0;
  long of_database = 0;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with('#')) continue;
    ++lines;
    if (line.find("dependency=\"database\"") != std::string::npos) ++of_database;
  }
  for (const Route& route : routes()) {
    EXPECT_NE(text.find("route=\"" + std::string(route.pattern) + "\""), std::string::npos) << route.pattern;
  }
  // An outage of the database gives each of its operations a second outcome.
  RecordProperty("lines", static_cast<int>(lines));
  EXPECT_LT(lines + of_database, 2'000);
}

TEST_F(CourierService, ProbesAreGreenOnTheAdminPortOnly) {
  start();
  for (const char* probe : {"/startupz", "/livez", "/readyz"}) {
    EXPECT_EQ(send(*admin, "GET", probe).status, 200) << probe;
    EXPECT_EQ(get(probe).status, 404) << probe;
  }
}

TEST_F(CourierService, WhatItDependsOnIsToldToThoseWhoAskForIt) {
  start();
  const Response dependencies = send(*admin, "GET", "/healthz/dependencies");
  EXPECT_EQ(dependencies.status, 200);
  EXPECT_EQ(json::parse(dependencies.body)["dependencies"][0]["name"], "database");
  const Response verbose = send(*admin, "GET", "/readyz?verbose");
  EXPECT_EQ(verbose.status, 200);
  EXPECT_NE(verbose.body.find("[+] database: ok"), std::string::npos) << verbose.body;
  EXPECT_NE(verbose.body.find("[+] loops: ok"), std::string::npos) << verbose.body;
  EXPECT_EQ(send(*admin, "GET", "/readyz").body, "ok\n");
}

TEST_F(CourierService, ABrokerThatIsAwayIsToldAndKeepsNoTrafficAway) {
  settings.broker = "redis://127.0.0.1:1";
  start();
  Response dependencies;
  do dependencies = send(*admin, "GET", "/healthz/dependencies");
  while (dependencies.status == 200);
  const json found = json::parse(dependencies.body)["dependencies"];
  EXPECT_EQ(found[0]["name"], "broker");
  EXPECT_EQ(found[0]["ok"], false);
  EXPECT_EQ(found[1]["ok"], true) << found;
  EXPECT_EQ(send(*admin, "GET", "/readyz").status, 200);
  EXPECT_EQ(send(*admin, "GET", "/livez").status, 200);
}

TEST_F(CourierService, OneThatOnlyTakesMessagesKnowsThatItsBrokerIsThere) {
  RawServer broker([](RawConnection& peer, int) {
    while (peer.read_until("PING\r\n").ends_with("PING\r\n")) peer.write("+PONG\r\n");
  });
  settings.role = Role::Api;
  settings.broker = "redis://127.0.0.1:" + std::to_string(broker.port());
  start();
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  Response dependencies;
  do dependencies = send(*admin, "GET", "/healthz/dependencies");
  while (dependencies.status != 200 && std::chrono::steady_clock::now() < give_up);
  EXPECT_EQ(dependencies.status, 200) << dependencies.body;
  EXPECT_NE(send(*admin, "GET", "/metrics").body.find("\nbroker_up 1\n"), std::string::npos);
}

TEST_F(CourierService, ADatabaseThatCannotBeOpenedIsNeverStartedWith) {
  settings.database = "/nowhere/at/all/courier.db";
  const auto refused = Service::start(settings, {}, counting_random(),
                                      [](const std::string& origin) { return sluice::http::make_transport({.url = origin}); });
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(sluice::Error::Kind::Unavailable)) << to_string(refused.error());
}

TEST_F(CourierService, WhileDrainingItIsUnreadyAliveAndServesOn) {
  settings.lame_duck = Duration(60'000);
  start();
  std::stop_source hurry;
  auto drained = std::async(std::launch::async, [&] { service->drain(hurry.get_token()); });
  while (send(*admin, "GET", "/readyz").status != 503) {}
  EXPECT_EQ(send(*admin, "GET", "/livez").status, 200);
  EXPECT_EQ(get("/").status, 200);
  hurry.request_stop();
  EXPECT_EQ(drained.wait_for(20s), std::future_status::ready);
  Request request;
  request.target = "/";
  EXPECT_FALSE(client->send(request));
}

TEST_F(CourierService, DrainGivesBackWhatIsBeingDelivered) {
  const std::string database = ::testing::TempDir() + "courier-give-back-" + std::to_string(::getpid()) + ".db";
  std::latch asked(1);
  RawServer sink([&](RawConnection& peer, int number) {
    peer.read_head();
    if (number == 0) asked.count_down();
    peer.wait_for_close();
  });
  settings.database = database;
  settings.endpoints.default_endpoint = sink.url() + "/";
  settings.worker.threads = 1;
  start();
  const std::string location = post(R"({"payload":1})", "a").headers.at("Location");
  asked.wait();
  service->drain();
  service.reset();
  const auto store = open_store({.database = database});
  ASSERT_TRUE(store) << store.error().message;
  const auto message = (*store)->lookup(std::string(kDefaultTenant), location.substr(location.rfind('/') + 1));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->state(), State::Pending);
  ASSERT_EQ(message->deliveries.size(), 1U);
  EXPECT_EQ(message->deliveries[0].attempts, 0);
  ::unlink(database.c_str());
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
}  // namespace courier
