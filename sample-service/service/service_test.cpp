#include "sample-service/service/service.h"

#include <atomic>
#include <future>
#include <latch>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/http/raw_server_for_test.h"
#include "common/http/transport.h"

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
  return [next] { return (((*next)++ * 2654435761U) % 1000U) / 1000.0; };
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
  void start() {
    auto started = Service::start(settings, {}, counting_random(), [](const std::string& origin) { return sluice::http::make_transport({.url = origin}); });
    ASSERT_TRUE(started) << started.error().message;
    service = std::move(*started);
    client = *sluice::http::make_transport({.url = "http://127.0.0.1:" + std::to_string(service->port())});
    admin = *sluice::http::make_transport({.url = "http://127.0.0.1:" + std::to_string(service->admin_port())});
  }
  static Response send(sluice::http::Transport& to, const std::string& method, const std::string& target, const std::string& body = {},
                       const std::string& key = {}) {
    Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    if (!key.empty()) request.headers["Idempotency-Key"] = key;
    const auto answer = to.send(request);
    EXPECT_TRUE(answer) << to_string(answer.error());
    return answer.value_or(Response{});
  }
  Response get(const std::string& target) { return send(*client, "GET", target); }
  Response post(const std::string& body, const std::string& key) { return send(*client, "POST", "/v1/messages", body, key); }
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
  EXPECT_EQ(wrong.headers.at("Allow"), "POST");
}

TEST_F(CourierService, MetricsCarryTheAgreedNamesAndNoRawPaths) {
  start();
  get("/");
  get("/v1/messages/some-id");
  get("/wp-admin.php");
  send(*client, "BREW", "/");
  const std::string text = send(*admin, "GET", "/metrics").body;
  for (const char* line : {"http_request_duration_seconds_count{method=\"GET\",route=\"/\",status=\"200\"} 1\n",
                           "http_request_duration_seconds_bucket{method=\"GET\",route=\"/\",status=\"200\",le=\"0.25\"} 1\n",
                           "http_request_duration_seconds_count{method=\"GET\",route=\"/v1/messages/{id}\",status=\"404\"} 1\n",
                           "http_request_duration_seconds_count{method=\"GET\",route=\"unmatched\",status=\"404\"} 1\n",
                           "http_request_duration_seconds_count{method=\"_OTHER\",route=\"/\",status=\"405\"} 1\n",
                           "http_requests_in_flight 0\n", "fault_injection_active 0\n",
                           "build_info{mode=\"embedded\",revision=\"unknown\",version=\"v7\"} 1\n", "queue_depth 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_EQ(text.find("wp-admin"), std::string::npos);
  EXPECT_EQ(text.find("some-id"), std::string::npos);
}

TEST_F(CourierService, ProbesAreGreenOnTheAdminPortOnly) {
  start();
  for (const char* probe : {"/startupz", "/livez", "/readyz"}) {
    EXPECT_EQ(send(*admin, "GET", probe).status, 200) << probe;
    EXPECT_EQ(get(probe).status, 404) << probe;
  }
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
  const auto store = open_sqlite(database);
  ASSERT_TRUE(store) << store.error().message;
  const auto message = (*store)->lookup(location.substr(location.rfind('/') + 1));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->state, State::Pending);
  EXPECT_EQ(message->attempts, 0);
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
