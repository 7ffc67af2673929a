// What a courier as a whole does with deliveries.
#include <future>
#include <latch>

#include "sample-service/domain/endpoint.h"
#include "sample-service/service/service_for_test.h"
#include "sample-service/store/open.h"
#include "sample-service/trust/secret_text.h"

namespace courier::testing {
namespace {

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

}  // namespace
}  // namespace courier::testing
