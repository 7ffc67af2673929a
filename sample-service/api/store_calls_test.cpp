#include "sample-service/api/store_calls.h"

#include <future>
#include <latch>
#include <stdexcept>

#include <gtest/gtest.h>

namespace courier {
namespace {

using sluice::http::Reply;
using sluice::http::ReplyPtr;
using sluice::http::Response;

class Promised final : public Reply {
 public:
  explicit Promised(std::promise<Response> answer) : answer_(std::move(answer)) {}
  void send(Response response) override { answer_.set_value(std::move(response)); }

 private:
  std::promise<Response> answer_;
};

class ToTheStore : public ::testing::Test {
 protected:
  std::future<Response> ask(Duration timeout, std::function<Response()> work) {
    auto call = std::make_shared<Call>();
    call->route = match("POST", "/v1/messages").route;
    call->deadline = {clock.monotonic(), timeout};
    std::promise<Response> promise;
    auto future = promise.get_future();
    calls->run(call, std::make_unique<Promised>(std::move(promise)), std::move(work));
    return future;
  }
  // The executor's one thread is busy until `go`.
  void block() {
    std::latch blocked(1);
    executor->try_post([&] {
      blocked.count_down();
      go.wait();
    });
    blocked.wait();
  }
  bool counted(const std::string& reason) {
    return metrics.text().find("http_requests_rejected_total{reason=\"" + reason + "\",route=\"/v1/messages\"} 1\n") != std::string::npos;
  }

  sluice::ManualClock clock;
  sluice::metrics::Registry metrics;
  Meter meter{metrics};
  std::latch go{1};
  std::unique_ptr<StoreCalls> calls;  // outlives the executor, whose jobs use it
  std::unique_ptr<Executor> executor = std::make_unique<Executor>(1);

  void SetUp() override { calls = std::make_unique<StoreCalls>(*executor, clock, meter, metrics); }
  void TearDown() override { executor.reset(); }
};

constexpr Duration kLong{60'000};

// Reads of one endpoint, which `stored` says.
class ThroughTheCache : public ToTheStore {
 protected:
  static Expected<Read> away() { return sluice::fail(sluice::Error::Kind::Unavailable, "the store is away"); }
  std::future<Response> read(Duration timeout, std::function<Expected<Read>()> load) {
    auto call = std::make_shared<Call>();
    call->route = match("POST", "/v1/messages").route;
    call->deadline = {clock.monotonic(), timeout};
    std::promise<Response> promise;
    auto future = promise.get_future();
    calls->read(call, std::make_unique<Promised>(std::move(promise)),
                {cache, "k", std::move(load), [](const Expected<Read>& found) {
                   return found ? Response{200, {}, found->body} : Response{503, {}, found.error().message};
                 }});
    return future;
  }
  void keep_stale_copy() {
    ASSERT_EQ(read(kLong, [] { return Read{"kept", 1}; }).get().body, "kept");
    clock.advance(kTtl);
  }

  static constexpr Duration kTtl{1'000};
  ReadCache cache{{"things", 10'000, kTtl}, {clock, [] { return 0.5; }, metrics}};
};

TEST_F(ThroughTheCache, ReadsGoOnWhenTheStoreFails) {
  EXPECT_EQ(read(kLong, away).get().status, 503);
  keep_stale_copy();
  EXPECT_EQ(read(kLong, away).get().body, "kept");
}

TEST_F(ThroughTheCache, ReadsGoOnWhenTheStoreHangs) {
  keep_stale_copy();
  std::latch working(1);
  auto first = read(Duration(100), [&] {
    working.count_down();
    go.wait();
    return Read{"late", 2};
  });
  working.wait();
  EXPECT_EQ(first.get().body, "kept");
  EXPECT_EQ(read(kLong, away).get().body, "kept") << "at once";
  go.count_down();
}

TEST_F(ThroughTheCache, ReadsGoOnWhenTheLineIsFull) {
  keep_stale_copy();
  block();
  auto waiting = ask(kLong, [] { return Response{202, {}, ""}; });
  EXPECT_EQ(read(kLong, away).get().body, "kept");
  go.count_down();
  EXPECT_EQ(waiting.get().status, 202);
}

TEST_F(ThroughTheCache, WhoHasMoreTimeReadsAfterTheOneThatWasToReadForAll) {
  block();
  auto hurried = read(Duration(50), []() -> Expected<Read> { throw std::logic_error("must not be called"); });
  auto patient = read(kLong, [] { return Read{"loaded", 1}; });
  EXPECT_EQ(hurried.get().status, 504);
  clock.advance(Duration(50));
  go.count_down();
  EXPECT_EQ(patient.get().body, "loaded");
}

TEST_F(ToTheStore, TheAnswerOfTheWorkIsSent) {
  EXPECT_EQ(ask(kLong, [] { return Response{202, {}, "stored"}; }).get().body, "stored");
}

TEST_F(ToTheStore, AFullLineIsRefusedAtOnce) {
  block();
  auto waiting = ask(kLong, [] { return Response{202, {}, ""}; });
  const Response refused = ask(kLong, [] { return Response{202, {}, ""}; }).get();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.headers.contains("Retry-After"));
  EXPECT_TRUE(counted("queue_full"));
  go.count_down();
  EXPECT_EQ(waiting.get().status, 202);
}

TEST_F(ToTheStore, WhatWaitedForHalfOfItsTimeMakesRoom) {
  block();
  auto waiting = ask(kLong, []() -> Response { throw std::logic_error("must not be called"); });
  clock.advance(kLong / 2 + Duration(1));
  go.count_down();
  EXPECT_EQ(waiting.get().status, 503);
  EXPECT_TRUE(counted("queue_age"));
}

TEST_F(ToTheStore, AtTheDeadlineTheClientIsAnsweredThoughTheStoreHangs) {
  std::latch working(1);
  auto late = ask(Duration(50), [&] {
    working.count_down();
    go.wait();
    return Response{202, {}, ""};
  });
  working.wait();
  EXPECT_EQ(late.get().status, 504);
  EXPECT_TRUE(counted("deadline"));
  go.count_down();
}

TEST_F(ToTheStore, NothingIsBegunAfterTheDeadline) {
  block();
  auto late = ask(Duration(50), []() -> Response { throw std::logic_error("must not be called"); });
  EXPECT_EQ(late.get().status, 504);
  clock.advance(Duration(50));
  go.count_down();
  executor->call([] { return true; });
}

TEST_F(ToTheStore, WhoeverNoticesTheDeadlineFirstAnswers) {
  block();
  auto late = ask(kLong, []() -> Response { throw std::logic_error("must not be called"); });
  clock.advance(kLong);  // long before the watch looks
  go.count_down();
  EXPECT_EQ(late.get().status, 504);
  EXPECT_TRUE(counted("deadline"));
}

}  // namespace
}  // namespace courier
