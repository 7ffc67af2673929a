// Against a server of common/http: what is counted, not how fast it is.
#include "tests/bench/courier/load.h"

#include <gtest/gtest.h>

#include <set>

#include "common/http/server.h"

namespace courier::bench {
namespace {

using namespace std::chrono_literals;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

struct Server {
  explicit Server(std::function<Response(const IncomingRequest&)> answer, sluice::http::Admission admission = nullptr)
      : server(*sluice::http::serve(
            {.address = "127.0.0.1"}, [answer = std::move(answer)](const IncomingRequest& in, ReplyPtr reply) { reply->send(answer(in)); },
            std::move(admission))) {}
  std::unique_ptr<sluice::http::Server> server;
};

TEST(Load, AnOpenLoopAsksForExactlyWhatItsPhasesSay) {
  std::multiset<std::string> keys;  // only on the server's one loop, and read when it is gone
  auto server = std::make_unique<Server>([&keys](const IncomingRequest& in) {
    keys.insert(in.request.headers.at("Key"));
    return Response{202, {}, in.request.body};
  });
  const auto done = put_load({.port = server->server->port(),
                              .request = {"POST", "/", {"Key: {n}"}, "body {n}"},
                              .phases = {{200, 100ms}, {1'000, 100ms}},
                              .connections = 4});
  server.reset();
  ASSERT_TRUE(done) << to_string(done.error());
  EXPECT_EQ(done->requests, 120u);
  EXPECT_EQ(done->connects, 4u);
  EXPECT_EQ(done->phases[0].answers.well.count(), 20u);
  EXPECT_EQ(done->phases[1].answers.well.count(), 100u);
  EXPECT_EQ(keys.size(), 120u);
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 120u);
}

TEST(Load, TellsRefusedFromFailed) {
  int number = 0;
  Server server([&number](const IncomingRequest&) {
    constexpr std::array kStatus{200, 503, 429, 500, 404};
    return Response{kStatus[static_cast<std::size_t>(number++) % 5], {}, ""};
  });
  const auto done = put_load({.port = server.server->port(), .phases = {{0, 10s}}, .connections = 1, .most = 50});
  ASSERT_TRUE(done) << to_string(done.error());
  const Answers& answers = done->phases[0].answers;
  EXPECT_EQ(answers.well.count(), 10u);
  EXPECT_EQ(answers.refused.count(), 20u);
  EXPECT_EQ(answers.failed, (std::map<std::string, std::uint64_t>{{"status 404", 10}, {"status 500", 10}}));
}

TEST(Load, AConnectionThatTheServerEndsIsReplaced) {
  Server server([](const IncomingRequest&) { return Response{200, {}, ""}; });
  server.server->close_after_answer();
  const auto done = put_load({.port = server.server->port(), .phases = {{0, 10s}}, .connections = 2, .most = 20});
  ASSERT_TRUE(done) << to_string(done.error());
  EXPECT_EQ(done->phases[0].answers.well.count(), 20u);
  EXPECT_EQ(done->connects, 22u);
}

TEST(Load, WhatIsNeverAnsweredHasFailed) {
  std::vector<ReplyPtr> kept;
  auto server =
      *sluice::http::serve({.address = "127.0.0.1"}, [&kept](const IncomingRequest&, ReplyPtr reply) { kept.push_back(std::move(reply)); });
  const auto done = put_load({.port = server->port(), .phases = {{100, 50ms}}, .connections = 2, .patience = 50ms});
  ASSERT_TRUE(done) << to_string(done.error());
  server.reset();
  EXPECT_EQ(done->phases[0].asked, 5u);
  EXPECT_EQ(done->phases[0].answers.failed, (std::map<std::string, std::uint64_t>{{"never sent", 3}, {"no answer", 2}}));
}

TEST(Load, HoldsIdleConnectionsBesideTheOthers) {
  std::set<std::string> peers;
  auto server = std::make_unique<Server>([&peers](const IncomingRequest& in) {
    peers.insert(in.peer);
    return Response{200, {}, ""};
  });
  const auto done = put_load({.port = server->server->port(), .phases = {{0, 10s}}, .connections = 1, .idle = 10, .most = 5});
  server.reset();
  ASSERT_TRUE(done) << to_string(done.error());
  EXPECT_EQ(done->requests, 5u);
  EXPECT_EQ(peers.size(), 11u);
}

TEST(Load, SaysThatNobodyListens) {
  std::uint16_t port = 0;
  {
    port = Server([](const IncomingRequest&) { return Response{200, {}, ""}; }).server->port();
  }
  const auto done = put_load({.port = port, .phases = {{0, 1s}}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, sluice::Error::Kind::Unavailable);
}

}  // namespace
}  // namespace courier::bench
