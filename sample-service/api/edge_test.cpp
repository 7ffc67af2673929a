#include "sample-service/api/edge.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sample-service/trust/secret_text.h"

namespace courier {
namespace {

using sluice::http::IncomingRequest;
using sluice::http::Reply;
using sluice::http::ReplyPtr;
using sluice::http::Response;

class Kept final : public Reply {
 public:
  explicit Kept(std::vector<Response>& into) : into_(into) {}
  void send(Response response) override { into_.push_back(std::move(response)); }

 private:
  std::vector<Response>& into_;
};

class AtTheEdge : public ::testing::Test {
 protected:
  Edge& edge() {
    if (!made) made = std::make_unique<Edge>(options, Edge::Parts{tokens, clock, [] { return 0.5; }, metrics, meter});
    return *made;
  }
  static IncomingRequest head(const std::string& method, const std::string& path, sluice::http::Headers headers = {}) {
    IncomingRequest in;
    in.request.method = method;
    in.path = in.request.target = path;
    in.request.headers = std::move(headers);
    return in;
  }
  // 0: admitted.
  int status(IncomingRequest in) {
    last = edge().admit(in).value_or(Response{});
    admitted = in;
    return last.status;
  }
  // Admits and enters; the reply is held.
  void hold(const std::string& method, const std::string& path) {
    IncomingRequest in = head(method, path);
    ASSERT_FALSE(edge().admit(in));
    edge().enter([this](const IncomingRequest&, ReplyPtr reply) { held.push_back(std::move(reply)); })(in, std::make_unique<Kept>(answers));
  }
  std::string token(const std::string& scopes, const std::string& tenant = "acme") {
    return "Bearer " + tokens.sign({tenant, *parse_scopes(scopes), clock.now(), clock.now() + kTokenLife});
  }
  bool counted(const std::string& line) { return metrics.text().find(line + "\n") != std::string::npos; }

  EdgeOptions options;
  TokenRing tokens = *TokenRing::parse("a:" + base64(std::string(32, '1')));
  sluice::ManualClock clock;
  sluice::metrics::Registry metrics;
  Meter meter{metrics};
  std::unique_ptr<Edge> made;
  Response last;
  IncomingRequest admitted;
  std::vector<Response> answers;
  std::vector<ReplyPtr> held;
};

TEST_F(AtTheEdge, AFullRouteIsRefusedBeforeTheBodyAndOthersAreNot) {
  options.intake_limit = 2;
  hold("POST", "/v1/messages");
  hold("POST", "/v1/messages");
  EXPECT_EQ(status(head("POST", "/v1/messages")), 503);
  EXPECT_EQ(last.headers.at("Retry-After"), "2");
  EXPECT_EQ(last.headers.at("Content-Type"), "application/problem+json");
  EXPECT_EQ(status(head("GET", "/v1/messages")), 0);
  EXPECT_EQ(status(head("GET", "/")), 0);
  held[0]->send({202, {}, ""});
  EXPECT_EQ(status(head("POST", "/v1/messages")), 0);
  EXPECT_TRUE(counted("http_requests_rejected_total{reason=\"overloaded\",route=\"/v1/messages\"} 1"));
  EXPECT_TRUE(counted("http_request_duration_seconds_count{method=\"POST\",route=\"/v1/messages\",status=\"503\"} 1")) << metrics.text();
}

TEST_F(AtTheEdge, ABodyThatWasReadTooLateForAPlaceIsRefusedToo) {
  options.intake_limit = 1;
  IncomingRequest slow = head("POST", "/v1/messages");
  ASSERT_FALSE(edge().admit(slow));
  hold("POST", "/v1/messages");
  edge().enter([](const IncomingRequest&, const ReplyPtr&) { FAIL() << "no place for it"; })(slow, std::make_unique<Kept>(answers));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 503);
}

TEST_F(AtTheEdge, LimitsShrinkToAShareOfTheirCeilingsAndGrowBack) {
  options.intake_limit = 10;
  options.read_limit = 0;
  edge().share_limits(0.3, 2);
  EXPECT_TRUE(counted("admission_limit{method=\"POST\",route=\"/v1/messages\"} 3"));
  EXPECT_TRUE(counted("admission_limit{method=\"GET\",route=\"/v1/messages\"} 0")) << "no limit stays none";
  for (int i = 0; i < 3; ++i) hold("POST", "/v1/messages");
  EXPECT_EQ(status(head("POST", "/v1/messages")), 503);
  edge().share_limits(0.1, 2);
  EXPECT_TRUE(counted("admission_limit{method=\"POST\",route=\"/v1/messages\"} 2")) << "what the database has to do at least";
  edge().share_limits(0.1, 20);
  EXPECT_TRUE(counted("admission_limit{method=\"POST\",route=\"/v1/messages\"} 10")) << "never above the ceiling";
  EXPECT_EQ(status(head("POST", "/v1/messages")), 0);
}

TEST_F(AtTheEdge, ADroppedReplyGivesItsPlaceBack) {
  options.intake_limit = 1;
  hold("POST", "/v1/messages");
  held.clear();
  EXPECT_EQ(status(head("POST", "/v1/messages")), 0);
  EXPECT_TRUE(counted("http_requests_in_flight 0"));
  EXPECT_TRUE(counted("http_request_duration_seconds_count{method=\"POST\",route=\"/v1/messages\",status=\"500\"} 1"));
}

TEST_F(AtTheEdge, TheDeadlineOfTheClientIsTakenOverAndBoundsTheBody) {
  EXPECT_EQ(status(head("POST", "/v1/messages", {{"X-Request-Timeout-Ms", "250"}})), 0);
  EXPECT_EQ(call_of(admitted)->deadline.timeout, Duration(250));
  EXPECT_EQ(admitted.body_timeout, Duration(250));
  EXPECT_EQ(status(head("POST", "/v1/messages", {{"X-Request-Timeout-Ms", "soon"}})), 400);
}

TEST_F(AtTheEdge, OneTenantsFloodIsAnswered429AndTheOthersAreServed) {
  options.auth_required = true;
  options.quota = {.per_second = 2, .burst = 2};
  const auto ask = [&](const std::string& tenant) {
    return status(head("GET", "/v1/messages", {{"Authorization", token("messages:read", tenant)}}));
  };
  EXPECT_EQ(ask("loud"), 0);
  EXPECT_EQ(ask("loud"), 0);
  EXPECT_EQ(ask("loud"), 429);
  EXPECT_EQ(last.headers.at("Retry-After"), "1");
  EXPECT_EQ(ask("quiet"), 0);
  clock.advance(Duration(500));
  EXPECT_EQ(ask("loud"), 0);
  EXPECT_TRUE(counted("http_requests_rejected_total{reason=\"quota\",route=\"/v1/messages\"} 1"));
}

TEST_F(AtTheEdge, WhereATokenIsNeededItsTenantAndScopesCount) {
  options.auth_required = true;
  EXPECT_EQ(status(head("GET", "/v1/messages")), 401);
  EXPECT_EQ(last.headers.at("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(status(head("GET", "/v1/messages", {{"Authorization", "Bearer nonsense"}})), 401);
  EXPECT_EQ(status(head("GET", "/v1/messages", {{"Authorization", "Basic YTpi"}})), 401);
  EXPECT_EQ(status(head("GET", "/v1/messages", {{"Authorization", token("messages:write")}})), 403);
  EXPECT_EQ(status(head("GET", "/v1/messages", {{"Authorization", token("messages:read")}})), 0);
  EXPECT_EQ(call_of(admitted)->tenant, "acme");
  for (const char* open : {"/", "/version", "/openapi.json"}) EXPECT_EQ(status(head("GET", open)), 0) << open;
  EXPECT_EQ(status(head("POST", "/v1/tokens")), 0);
  const std::string old = token("messages:read");
  clock.advance(kTokenLife);
  EXPECT_EQ(status(head("GET", "/v1/messages", {{"Authorization", old}})), 401);
}

TEST_F(AtTheEdge, WithoutAuthenticationEverybodyIsTheDefaultTenantAndNobodyMakesKeys) {
  EXPECT_EQ(status(head("POST", "/v1/messages")), 0);
  EXPECT_EQ(call_of(admitted)->tenant, "default");
  EXPECT_EQ(status(head("POST", "/v1/tenants")), 403);
  EXPECT_EQ(status(head("POST", "/v1/tenants/default/keys")), 403);
}

TEST_F(AtTheEdge, BodiesOfAllRequestsTogetherAreBounded) {
  options.body_bytes = 1'500'000;
  IncomingRequest first = head("POST", "/echo", {{"Transfer-Encoding", "chunked"}});
  EXPECT_FALSE(edge().admit(first));
  EXPECT_EQ(status(head("POST", "/v1/messages", {{"Content-Length", "1000000"}})), 503);
  EXPECT_TRUE(counted("http_requests_rejected_total{reason=\"memory\",route=\"/v1/messages\"} 1"));
  EXPECT_EQ(status(head("GET", "/v1/messages")), 0);
  first = {};
  EXPECT_EQ(status(head("POST", "/v1/messages", {{"Content-Length", "1000000"}})), 0);
}

TEST_F(AtTheEdge, WhileIntakeIsHeldOnlyIntakeIsRefused) {
  edge().hold_intake(true);
  EXPECT_EQ(status(head("POST", "/v1/messages")), 503);
  EXPECT_TRUE(last.headers.contains("Retry-After"));
  EXPECT_EQ(status(head("GET", "/v1/messages")), 0);
  edge().hold_intake(false);
  EXPECT_EQ(status(head("POST", "/v1/messages")), 0);
}

TEST_F(AtTheEdge, TheTraceGoesOnAndTheRequestHasAName) {
  EXPECT_EQ(status(head("POST", "/v1/messages",
                        {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {"X-Request-Id", "abc"}})),
            0);
  EXPECT_EQ(call_of(admitted)->trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_NE(call_of(admitted)->trace.span_id, "00f067aa0ba902b7");
  EXPECT_EQ(call_of(admitted)->request_id, "abc");
  EXPECT_EQ(status(head("POST", "/nothing", {{"X-Request-Id", "bad \" id"}})), 404);
  EXPECT_EQ(last.headers.at("X-Request-Id").size(), 32U);
}

}  // namespace
}  // namespace courier
