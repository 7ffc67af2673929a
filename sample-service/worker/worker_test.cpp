// Workers, relay and wake-ups together, on every store and transport there is: {SQLite, PostgreSQL} x {none, Redis}.
#include "sample-service/worker/worker.h"

#include <unistd.h>

#include <condition_variable>
#include <latch>
#include <set>

#include <gtest/gtest.h>

#include "common/telemetry/health.h"
#include "sample-service/domain/signature.h"
#include "sample-service/store/store_for_test.h"
#include "sample-service/wake/redis_connection.h"
#include "sample-service/worker/relay.h"

namespace courier::testing {
namespace {

using namespace std::chrono_literals;
using sluice::Error;
using sluice::http::Request;
using sluice::http::Response;
using sluice::http::Transport;

// What receivers do, by origin; and what reached them, by webhook-id.
class Receivers {
 public:
  using Behaviour = std::function<Expected<Response>(const Request&, const std::stop_token&)>;

  MakeTransport maker() {
    return [this](const std::string& origin) -> Expected<std::shared_ptr<Transport>> { return std::make_shared<To>(*this, origin); };
  }
  void behave(const std::string& origin, Behaviour behaviour) {
    const std::lock_guard lock(mutex_);
    behaviours_[origin] = std::move(behaviour);
  }
  std::vector<Request> requests(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return requests_[id];
  }
  std::set<std::string> ids() {
    const std::lock_guard lock(mutex_);
    std::set<std::string> ids;
    for (const auto& [id, requests] : requests_) ids.insert(id);
    return ids;
  }

 private:
  struct To final : Transport {
    To(Receivers& all_receivers, std::string own_origin) : all(all_receivers), origin(std::move(own_origin)) {}
    Expected<Response> send(const Request& request, std::stop_token stop) override {
      Behaviour behaviour;
      {
        const std::lock_guard lock(all.mutex_);
        all.requests_[request.headers.at("webhook-id")].push_back(request);
        behaviour = all.behaviours_[origin];
      }
      return behaviour ? behaviour(request, stop) : Response{204, {}, {}};
    }
    Expected<bool> stream(const Request&, const sluice::http::OnHead&, const sluice::http::OnChunk&, std::stop_token) override {
      return true;
    }
    Receivers& all;
    const std::string origin;
  };

  std::mutex mutex_;
  std::map<std::string, Behaviour> behaviours_;
  std::map<std::string, std::vector<Request>> requests_;
};

Expected<Response> hang(const Request&, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop, [] { return false; });
  return sluice::fail(Error::Kind::Cancelled, "stopped");
}

std::vector<std::string> transports() {
  if (std::getenv("COURIER_TEST_REDIS")) return {"none", "redis"};
  return {"none"};
}

class WorkerContract : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  WorkerContract()
      : database(std::get<0>(GetParam())),
        store(opened({.database = database.uri(), .connections = 4})),
        executor(256, nullptr, store->parallelism()) {
    options.threads = 4;
    options.max_attempts = 2;
    options.first_delay = options.longest_delay = Duration(1);
  }
  ~WorkerContract() override { stop(); }

  void start(const std::string& broker = std::getenv("COURIER_TEST_REDIS") ? std::getenv("COURIER_TEST_REDIS") : "") {
    worker =
        std::make_unique<Worker>(options, Worker::Parts{*store, executor, clock, [] { return 0.5; }, metrics, health, receivers.maker()});
    const Sleeper sleeper{[this] { worker->wake(); }, [this] { return worker->hungry(); }};
    wake = std::get<1>(GetParam()) == "none"
               ? local_wake(sleeper)
               : *redis_wake({.uri = broker, .consumer = database.name(), .stream = database.name()}, sleeper);
    relay = std::make_unique<Relay>(Relay::Parts{*store, executor, *wake, clock, metrics, database.name()});
  }
  void stop() {
    if (relay) relay->end();
    wake.reset();
    worker.reset();
    relay.reset();
    if (std::get<1>(GetParam()) == "redis")
      (void)RedisConnection(*parse_redis_uri(std::getenv("COURIER_TEST_REDIS"))).run({"DEL", database.name()});
  }
  // told: the relay is told, as the API does.
  void post(const std::string& id, const std::string& url, bool told = true, Duration ago = Duration(0)) {
    const Time now = clock.now() - ago;
    const Once once{
        .tenant = "default", .route = "r", .key = id, .fingerprint = "f", .answer = {}, .now = now, .expires = now + Duration(86'400'000)};
    const auto stored = store->intake(
        once, {.id = id, .tenant = "default", .topic = "", .payload = "{\"id\":\"" + id + "\"}", .traceparent = "", .received = now}, url,
        "");
    ASSERT_TRUE(stored) << stored.error().message;
    if (told && relay) relay->stored(id);
  }
  // Asks until the message has ended; each question is a round trip, so this does not spin.
  MessageStatus ended(const std::string& id) {
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    for (;;) {
      const auto status = store->lookup("default", id);
      EXPECT_TRUE(status) << status.error().message;
      if (!status || status->state() != State::Pending || std::chrono::steady_clock::now() > give_up)
        return status.value_or(MessageStatus{});
    }
  }

  sluice::SystemClock clock;
  sluice::metrics::Registry metrics;
  sluice::telemetry::Health health{clock};
  Receivers receivers;
  WorkerOptions options;
  TestDatabase database;
  std::unique_ptr<Store> store;
  Executor executor;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<Wake> wake;
  std::unique_ptr<Relay> relay;
};
INSTANTIATE_TEST_SUITE_P(Everywhere, WorkerContract, ::testing::Combine(::testing::ValuesIn(engines()), ::testing::ValuesIn(transports())),
                         [](const auto& both) { return std::get<0>(both.param) + "_" + std::get<1>(both.param); });

TEST_P(WorkerContract, EveryMessageReachesEverySubscriberSigned) {
  ASSERT_TRUE(
      store->create_endpoint({.id = "e1", .tenant = "default", .url = "http://e1/hook?a=b", .secret = "s3cret", .max_inflight = 2}));
  ASSERT_TRUE(store->create_endpoint({.id = "e2", .tenant = "default", .url = "http://e2/"}));
  start();
  for (int i = 0; i < 20; ++i) post("m" + std::to_string(i), "");
  for (int i = 0; i < 20; ++i) {
    const std::string id = "m" + std::to_string(i);
    EXPECT_EQ(ended(id).state(), State::Delivered) << id;
    const auto requests = receivers.requests(id);
    ASSERT_EQ(requests.size(), 2U) << id;
    for (const Request& request : requests) {
      EXPECT_EQ(request.body, "{\"id\":\"" + id + "\"}");
      if (request.target == "/hook?a=b") {
        EXPECT_EQ(request.headers.at("webhook-signature"),
                  sign("s3cret", id, std::stoll(request.headers.at("webhook-timestamp")), request.body));
      } else {
        EXPECT_FALSE(request.headers.contains("webhook-signature"));
      }
    }
  }
}

TEST_P(WorkerContract, AFailingReceiverGetsDeadLettersWhichReplayDelivers) {
  std::atomic<bool> broken{true};
  receivers.behave("http://sink", [&](const Request&, const std::stop_token&) { return Response{broken ? 500 : 200, {}, {}}; });
  start();
  post("a", "http://sink/");
  const auto dead = ended("a");
  EXPECT_EQ(dead.state(), State::Dead);
  EXPECT_EQ(dead.deliveries.at(0).attempts, 2);
  EXPECT_EQ(dead.deliveries.at(0).last_error, "the receiver answered 500");
  EXPECT_EQ(store->dead_letters("default", {})->items.size(), 1U);
  broken = false;
  const Once again{.tenant = "default",
                   .route = "replay",
                   .key = "k",
                   .fingerprint = "f",
                   .answer = {},
                   .now = clock.now(),
                   .expires = clock.now() + Duration(1'000)};
  ASSERT_TRUE(store->replay(again, "a"));
  relay->stored("a");
  EXPECT_EQ(ended("a").state(), State::Delivered);
  EXPECT_EQ(receivers.requests("a").size(), 3U);
}

TEST_P(WorkerContract, ReceiversThatHangDoNotHoldTheOthers) {
  for (int i = 0; i < 6; ++i) {
    const std::string origin = "http://hang" + std::to_string(i);
    receivers.behave(origin, hang);
  }
  start();
  post("good", "http://good/");  // it has answered once
  EXPECT_EQ(ended("good").state(), State::Delivered);
  for (int i = 0; i < 30; ++i) post("hang-" + std::to_string(i), "http://hang" + std::to_string(i % 6) + "/");
  // Those that hang are not known yet, so half of the workers is all that they get, and they keep it.
  while (receivers.ids().size() < 1 + 2) (void)store->ping();
  for (int n = 0; n < 20; ++n) post("good-" + std::to_string(n), "http://good/");
  for (int n = 0; n < 20; ++n) EXPECT_EQ(ended("good-" + std::to_string(n)).state(), State::Delivered) << n;
  EXPECT_EQ(receivers.ids().size(), 1U + 2U + 20U);
}

TEST_P(WorkerContract, WhatAnotherProcessTookAndLostIsDelivered) {
  post("a", "http://sink/", false, Duration(60'000));
  const auto lost = store->claim({{"default|http://sink", Lane::Normal, 1}}, clock.now() - Duration(50'000), Duration(10'000));
  ASSERT_TRUE(lost);
  ASSERT_EQ(lost->size(), 1U);
  start();
  EXPECT_EQ(ended("a").state(), State::Delivered);
  EXPECT_EQ(ended("a").deliveries.at(0).attempts, 2);
  EXPECT_TRUE(store->delivered(lost->at(0)).error().is(Error::Kind::Conflict));
}

TEST_P(WorkerContract, WhatWaitsForADeletedEndpointIsGivenUp) {
  ASSERT_TRUE(store->create_endpoint({.id = "e1", .tenant = "default", .url = "http://e1/"}));
  post("a", "", false);
  ASSERT_TRUE(store->delete_endpoint("default", "e1", 0, clock.now()));
  start();
  const auto status = ended("a");
  EXPECT_EQ(status.state(), State::Dead);
  EXPECT_EQ(status.deliveries.at(0).last_error, "its endpoint was deleted");
  EXPECT_TRUE(receivers.requests("a").empty());
}

TEST_P(WorkerContract, ADeliveryThatACircuitStopsIsNoAttempt) {
  std::atomic<int> asked{0};
  receivers.behave("http://sink", [&](const Request&, const std::stop_token&) -> Expected<Response> {
    if (++asked <= 5) return tl::make_unexpected(Error{Error::Kind::Unavailable, "the circuit is open", 0, Duration(1)});
    return Response{200, {}, {}};
  });
  start();
  post("a", "http://sink/");
  EXPECT_EQ(ended("a").state(), State::Delivered);
  EXPECT_EQ(ended("a").deliveries.at(0).attempts, 1);
}

TEST_P(WorkerContract, CuttingGivesBackWhatIsBeingDelivered) {
  std::latch asked(1);
  receivers.behave("http://sink", [&](const Request& request, const std::stop_token& stop) {
    asked.count_down();
    return hang(request, stop);
  });
  start();
  post("a", "http://sink/");
  asked.wait();
  worker->pause();
  worker->cut();
  const auto status = store->lookup("default", "a");
  EXPECT_EQ(status->deliveries.at(0).attempts, 0);
  EXPECT_LE(status->deliveries.at(0).run_after, clock.now());
}

TEST_P(WorkerContract, NoticesThatNobodyPassedOnAreSweptUp) {
  post("a", "http://sink/", false, Duration(10'000));
  post("young", "http://sink/", false);
  options.threads = 0;  // nobody delivers, so that only the sweep can find it
  start();
  while (store->queue(clock.now())->outbox > 1) {}
  EXPECT_EQ(store->outbox(clock.now(), 10)->at(0).reference, "young");
}

TEST_P(WorkerContract, WithoutItsBrokerWorkIsStillFound) {
  start("redis://127.0.0.1:1");
  post("a", "http://sink/");
  EXPECT_EQ(ended("a").state(), State::Delivered);
}

}  // namespace
}  // namespace courier::testing
