#include "sample-service/trust/receivers.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

using sluice::Error;
using sluice::http::Endpoint;
using sluice::http::Request;
using sluice::http::Response;
using sluice::http::Transport;

// A world of names, addresses and receivers without a network.
class Receiving : public ::testing::Test {
 protected:
  class Scripted final : public Transport {
   public:
    Scripted(Receiving& world, std::string url) : world_(world), url_(std::move(url)) {}
    Expected<Response> send(const Request& request, std::stop_token) override {
      world_.called.push_back(url_);
      world_.last = request;
      world_.clock.advance(world_.takes);
      if (world_.meanwhile) std::exchange(world_.meanwhile, nullptr)();
      if (world_.first_fails-- > 0) return sluice::fail(Error::Kind::Unavailable, "connection refused");
      return world_.answer;
    }
    Expected<bool> stream(const Request&, const sluice::http::OnHead&, const sluice::http::OnChunk&, std::stop_token) override {
      return false;
    }

   private:
    Receiving& world_;
    std::string url_;
  };

  Expected<std::shared_ptr<Transport>> connect(const Endpoint& endpoint) {
    server_name = endpoint.tls.server_name;
    return std::make_shared<Scripted>(*this, endpoint.url);
  }
  Expected<std::vector<Address>> resolve(const std::string& host) {
    ++resolved;
    const auto found = names.find(host);
    if (found == names.end()) return sluice::fail(Error::Kind::Unavailable, "no such host");
    std::vector<Address> addresses;
    for (const char* text : found->second) addresses.push_back(*parse_address(text));
    return addresses;
  }
  bool pause(Duration length, const std::stop_token& stop) {
    pauses.push_back(length);
    return !stop.stop_requested();
  }
  Receivers& receivers() {
    const Receivers::Parts parts{clock,
                                 [] { return 1.0; },
                                 metrics,
                                 [this](const Endpoint& endpoint) { return connect(endpoint); },
                                 [this](const std::string& host) { return resolve(host); },
                                 [this](Duration length, const std::stop_token& stop) { return pause(length, stop); }};
    if (!made) made = std::make_unique<Receivers>(policy, parts);
    return *made;
  }
  bool one_is(const std::string& state) {
    return metrics.text().find("circuit_state{dependency=\"receiver\",state=\"" + state + "\"} 1\n") != std::string::npos;
  }
  Expected<Response> deliver(const std::string& origin) { return (*receivers().to(origin))->send({.method = "POST", .target = "/"}); }

  ReceiverPolicy policy;
  sluice::ManualClock clock;
  sluice::metrics::Registry metrics;
  std::map<std::string, std::vector<const char*>> names;
  int resolved = 0;
  std::string server_name;
  std::vector<std::string> called;
  Request last;
  Expected<Response> answer = Response{204, {}, ""};
  int first_fails = 0;  // so many calls find no connection before `answer`
  Duration takes{0};
  std::function<void()> meanwhile{};  // happens once, while a call is under way
  std::vector<Duration> pauses;
  std::unique_ptr<Receivers> made;
};

TEST_F(Receiving, TheAddressThatWasLookedAtIsTheOneThatIsCalled) {
  names["hooks.example"] = {"2606:4700::1", "8.8.4.4"};
  ASSERT_TRUE(deliver("https://hooks.example:8443"));
  EXPECT_EQ(called, std::vector<std::string>{"https://8.8.4.4:8443"});
  EXPECT_EQ(last.headers.at("Host"), "hooks.example:8443");
  EXPECT_EQ(server_name, "hooks.example");
}

TEST_F(Receiving, ANameThatLeadsInsideIsNotCalled) {
  for (const char* inside : {"10.96.0.1", "127.0.0.1", "169.254.169.254", "::1"}) {
    names["evil.example"] = {inside};
    const auto refused = deliver("http://evil.example");
    ASSERT_FALSE(refused) << inside;
    EXPECT_TRUE(refused.error().is(Error::Kind::Forbidden));
    EXPECT_NE(refused.error().message.find(inside), std::string::npos) << refused.error().message;
  }
  EXPECT_TRUE(called.empty());
}

TEST_F(Receiving, ANameThatChangesItsMindIsNotFollowedInside) {
  names["rebind.example"] = {"8.8.8.8"};
  ASSERT_TRUE(deliver("http://rebind.example"));
  names["rebind.example"] = {"127.0.0.1"};
  ASSERT_TRUE(deliver("http://rebind.example"));
  EXPECT_EQ(resolved, 1);
  EXPECT_EQ(called.back(), "http://8.8.8.8");
  clock.advance(policy.resolved_for);
  EXPECT_FALSE(deliver("http://rebind.example"));
  EXPECT_EQ(called.size(), 2U);
}

TEST_F(Receiving, WhatTheOperatorListedIsTrusted) {
  policy.trusted = {"http://127.0.0.1:8080"};
  policy.addresses.allowed = {*parse_network("10.1.0.0/16")};
  EXPECT_TRUE(deliver("http://127.0.0.1:8080"));
  EXPECT_EQ(resolved, 0);
  names["inside.example"] = {"10.1.2.3"};
  names["127.0.0.1"] = {"127.0.0.1"};
  EXPECT_TRUE(deliver("http://inside.example"));
  EXPECT_FALSE(deliver("http://127.0.0.1:9090")) << "another port is another origin";
}

TEST_F(Receiving, AReceiverThatOnlyFailsIsLeftAloneAndThenProbedOnce) {
  names["down.example"] = {"8.8.8.8"};
  names["fine.example"] = {"8.8.4.4"};
  answer = Response{500, {}, ""};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(deliver("http://down.example"));
  const auto stopped = deliver("http://down.example");
  ASSERT_FALSE(stopped);
  EXPECT_TRUE(stopped.error().is(Error::Kind::Unavailable));
  EXPECT_EQ(stopped.error().retry_after, Duration(1'000));
  EXPECT_EQ(called.size(), 5U);
  EXPECT_NE(metrics.text().find("circuit_state{dependency=\"receiver\",state=\"open\"} 1\n"), std::string::npos) << metrics.text();

  answer = Response{204, {}, ""};
  EXPECT_TRUE(deliver("http://fine.example")) << "circuits are apart";
  clock.advance(Duration(1'000));
  EXPECT_TRUE(deliver("http://down.example"));
  EXPECT_TRUE(deliver("http://down.example"));
  EXPECT_NE(metrics.text().find("circuit_state{dependency=\"receiver\",state=\"open\"} 0\n"), std::string::npos) << metrics.text();
}

TEST_F(Receiving, AReceiverThatSaysNothingIsLeftAloneWhileItsFirstCallStillHangs) {
  names["hole.example"] = {"8.8.8.8"};
  answer = sluice::fail(Error::Kind::Unavailable, "no complete answer in time");
  meanwhile = [&] {
    clock.advance(policy.silence - Duration(1));
    receivers().look();
    EXPECT_FALSE(one_is("open"));
    clock.advance(Duration(1));
    receivers().look();
    EXPECT_TRUE(one_is("open"));
    const auto stopped = deliver("http://hole.example");
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().retry_after, Duration(1'000));
  };
  EXPECT_FALSE(deliver("http://hole.example"));
  EXPECT_EQ(called.size(), 1U);

  // The probe hangs too, and what is told of the call before it says nothing of the probe.
  clock.advance(Duration(1'000));
  takes = Duration(10'000);
  meanwhile = [&] { EXPECT_TRUE(one_is("half-open")); };
  EXPECT_FALSE(deliver("http://hole.example"));
  EXPECT_EQ(deliver("http://hole.example").error().retry_after, Duration(2'000));
  clock.advance(Duration(2'000));
  takes = Duration(0);
  answer = Response{204, {}, ""};
  EXPECT_TRUE(deliver("http://hole.example"));
  EXPECT_FALSE(one_is("open"));
}

TEST_F(Receiving, TheNextCallNoticesASilenceByItself) {
  names["hole.example"] = {"8.8.8.8"};
  answer = sluice::fail(Error::Kind::Unavailable, "no complete answer in time");
  meanwhile = [&] {
    clock.advance(policy.silence);
    EXPECT_FALSE(deliver("http://hole.example"));
  };
  EXPECT_FALSE(deliver("http://hole.example"));
  EXPECT_EQ(called.size(), 1U);
  EXPECT_TRUE(one_is("open"));
}

TEST_F(Receiving, OneSlowCallAmongAnswersIsNoSilenceAndRefusalsAreAnswers) {
  names["slow.example"] = {"8.8.8.8"};
  meanwhile = [&] {
    for (int second = 0; second < 30; ++second) {
      clock.advance(Duration(1'000));
      answer = Response{second % 2 == 0 ? 500 : 204, {}, ""};
      EXPECT_TRUE(deliver("http://slow.example"));
      receivers().look();
    }
  };
  EXPECT_TRUE(deliver("http://slow.example"));
  EXPECT_EQ(called.size(), 31U);
  EXPECT_FALSE(one_is("open"));
}

TEST_F(Receiving, ARefusalOfTheMessageIsNoFailureOfTheReceiverAndACutCallSaysNothing) {
  names["strict.example"] = {"8.8.8.8"};
  answer = Response{400, {}, ""};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(deliver("http://strict.example"));
  answer = sluice::fail(Error::Kind::Cancelled, "stopped");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(deliver("http://strict.example").error().is(Error::Kind::Cancelled));
  answer = Response{204, {}, ""};
  EXPECT_TRUE(deliver("http://strict.example"));
}

TEST_F(Receiving, AConnectionThatFailsFastIsTriedOnceMoreAfterAPause) {
  names["a.example"] = {"8.8.8.8"};
  first_fails = 1;
  EXPECT_TRUE(deliver("http://a.example"));
  EXPECT_EQ(called.size(), 2U);
  EXPECT_EQ(pauses, std::vector<Duration>{Duration(100)});
  EXPECT_EQ(last.deadline, Duration(9'900)) << "both tries share the deadline";
  first_fails = 9;
  EXPECT_FALSE(deliver("http://a.example"));
  EXPECT_EQ(called.size(), 3U) << "the reserve is one retry each second";
  EXPECT_NE(metrics.text().find("retry_budget_exhausted_total{dependency=\"receiver\"} 1\n"), std::string::npos);
}

TEST_F(Receiving, AnAnswerOrASlowFailureIsNotTriedAgain) {
  names["a.example"] = {"8.8.8.8"};
  answer = Response{503, {}, ""};
  EXPECT_TRUE(deliver("http://a.example"));
  EXPECT_EQ(called.size(), 1U);
  first_fails = 1;
  takes = Duration(5'001);
  EXPECT_FALSE(deliver("http://a.example"));
  EXPECT_EQ(called.size(), 2U);
  EXPECT_TRUE(pauses.empty());
}

TEST_F(Receiving, RetriesStayATenthOfTheCallsWhileEverythingFails) {
  policy.circuit.failures = 1'000'000;
  policy.retries = {.share = 0.1, .per_second = 0};
  names["a.example"] = {"8.8.8.8"};
  first_fails = 1'000'000;
  for (int i = 0; i < 1'000; ++i) {
    clock.advance(Duration(5));
    EXPECT_FALSE(deliver("http://a.example"));
  }
  EXPECT_LE(called.size(), 1'100U);
  EXPECT_GE(called.size(), 1'090U);
}

TEST_F(Receiving, OutcomesAreMeasured) {
  policy.retries.per_second = 0;
  names["a.example"] = {"8.8.8.8"};
  ASSERT_TRUE(deliver("http://a.example"));
  EXPECT_FALSE(deliver("http://nowhere.example"));
  const std::string text = metrics.text();
  EXPECT_NE(text.find("dependency_request_duration_seconds_count{dependency=\"receiver\",op=\"deliver\",outcome=\"answered\"} 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("dependency_request_duration_seconds_count{dependency=\"receiver\",op=\"deliver\",outcome=\"unreachable\"} 1\n"),
            std::string::npos);
  EXPECT_EQ(text.find("a.example"), std::string::npos);
}

}  // namespace
}  // namespace courier
