#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "common/http/transport.h"
#include "sample-service/faults/injector.h"
#include "sample-service/service/service.h"

namespace courier {
namespace {

using sluice::http::IncomingRequest;
using sluice::http::Reply;
using sluice::http::ReplyPtr;
using sluice::http::Request;
using sluice::http::Response;

class Caught final : public Reply {
 public:
  explicit Caught(std::promise<Response> answer) : answer_(std::move(answer)) {}
  void send(Response response) override { answer_.set_value(std::move(response)); }

 private:
  std::promise<Response> answer_;
};

Response ask(const sluice::http::Handler& handler) {
  std::promise<Response> promise;
  auto future = promise.get_future();
  handler({}, std::make_unique<Caught>(std::move(promise)));
  return future.get();
}

void hello(const IncomingRequest&, ReplyPtr reply) { reply->send({200, {}, "hello"}); }

TEST(FaultProfile, EveryPartIsUnderstood) {
  const auto profile = parse_fault_profile("errors=5%,latency=300ms@10%,crash-after=20s,never-ready,for=5m");
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_DOUBLE_EQ(profile->error_share, 0.05);
  EXPECT_EQ(profile->latency, Duration(300));
  EXPECT_DOUBLE_EQ(profile->latency_share, 0.1);
  EXPECT_EQ(profile->crash_after, Duration(20'000));
  EXPECT_TRUE(profile->never_ready);
  EXPECT_EQ(profile->lasts, Duration(5 * 60'000));
  EXPECT_FALSE(parse_fault_profile("")->active());
  EXPECT_EQ(parse_fault_profile("errors=5%")->lasts, Duration(10 * 60'000));
  EXPECT_EQ(parse_fault_profile("latency=1s")->latency_share, 1);
}

TEST(FaultProfile, WhatIsNotUnderstoodIsNamed) {
  for (const char* text : {"error=5%", "errors=5", "errors=120%", "latency=5", "latency=1s@2", "never-ready=1", "errors=1%,errors=2%", ",",
                           "crash-after", "for=11m", "for", "crash-after=601s"}) {
    EXPECT_FALSE(parse_fault_profile(text)) << text;
  }
}

TEST(Injector, TheShareOfErrorsIsDrawnForEachRequestAndMarked) {
  int drawn = 0;
  Injector injector({.error_share = 0.3}, [&] { return (drawn++ % 10) / 10.0; });
  const auto handler = injector.wrap(hello);
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    const Response answer = ask(handler);
    if (answer.status == 200) continue;
    ++failed;
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.headers.at("X-Fault-Injected"), "error");
  }
  EXPECT_EQ(failed, 30);
}

TEST(Injector, FaultsEndByThemselves) {
  std::atomic<int> minutes = 0;
  Injector injector(
      {.error_share = 1}, [] { return 0.0; }, nullptr, [&] { return Injector::Instant(std::chrono::minutes(minutes)); });
  const auto handler = injector.wrap(hello);
  minutes = 9;
  EXPECT_EQ(ask(handler).status, 500);
  EXPECT_TRUE(injector.active());
  minutes = 10;
  EXPECT_EQ(ask(handler).status, 200);
  EXPECT_FALSE(injector.active());
}

TEST(Injector, LatencyIsAddedBeforeTheHandler) {
  Injector injector({.latency = Duration(50)}, [] { return 0.5; });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(injector.wrap(hello)).body, "hello");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, Duration(50));
}

TEST(Injector, TheCrashComesWhenItWasAnnounced) {
  std::promise<void> crashed;
  const auto begin = std::chrono::steady_clock::now();
  Injector injector(
      {.crash_after = Duration(50)}, [] { return 0.5; }, [&] { crashed.set_value(); });
  crashed.get_future().wait();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, Duration(50));
}

TEST(Injector, InjectedErrorsShowInTheMetricsAndProbesStayExempt) {
  Injector injector({.error_share = 1}, [] { return 0.0; });
  Settings settings;
  settings.address = "127.0.0.1";
  settings.port = settings.admin_port = 0;
  settings.database = ":memory:";
  Extras extras;
  extras.active = [&] { return injector.active(); };
  extras.unready = "as the test asks";
  extras.wrap = [&](sluice::http::Handler handler) { return injector.wrap(std::move(handler)); };
  auto service = Service::start(
      settings, extras, [] { return 0.5; }, [](const std::string& origin) { return sluice::http::make_transport({.url = origin}); });
  ASSERT_TRUE(service) << service.error().message;
  const auto get = [](std::uint16_t port, const std::string& target) {
    auto transport = sluice::http::make_transport({.url = "http://127.0.0.1:" + std::to_string(port)});
    Request request;
    request.target = target;
    return (*transport)->send(request).value_or(Response{});
  };
  EXPECT_EQ(get((*service)->port(), "/").status, 500);
  EXPECT_EQ(get((*service)->admin_port(), "/livez").status, 200);
  EXPECT_EQ(get((*service)->admin_port(), "/readyz").status, 503);
  const std::string text = get((*service)->admin_port(), "/metrics").body;
  EXPECT_NE(text.find("http_request_duration_seconds_count{method=\"GET\",route=\"/\",status=\"500\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("fault_injection_active 1\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace courier
