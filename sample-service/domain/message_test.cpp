#include "sample-service/domain/message.h"

#include <gtest/gtest.h>

#include "sample-service/domain/problem.h"
#include "sample-service/domain/signature.h"

namespace courier {
namespace {

TEST(Intake, APayloadIsKeptAsItIsForWhoeverTakesItsTopic) {
  const auto intake = parse_intake(R"({"payload": {"b": 1, "a": [true, null]}, "topic": "order.paid", "priority": "urgent"})", {});
  ASSERT_TRUE(intake) << intake.error().message;
  EXPECT_EQ(intake->endpoint, "");
  EXPECT_EQ(intake->payload, R"({"b":1,"a":[true,null]})");
  EXPECT_EQ(intake->topic, "order.paid");
  EXPECT_EQ(intake->lane, Lane::Urgent);
  EXPECT_EQ(parse_intake(R"({"payload": 1})", {})->lane, Lane::Normal);
}

TEST(Intake, OnlyListedOriginsMayBeNamed) {
  const EndpointPolicy policy{.allowed = {"http://hooks.example:8080"}};
  EXPECT_TRUE(parse_intake(R"({"payload":1,"endpoint":"http://hooks.example:8080/a"})", policy));
  for (const char* endpoint : {"http://hooks.example/a", "https://hooks.example:8080/a", "http://169.254.169.254/",
                               "http://hooks.example:8080@evil/", "file:///etc/passwd", ""}) {
    const auto refused = parse_intake(std::string(R"({"payload":1,"endpoint":")") + endpoint + "\"}", policy);
    ASSERT_FALSE(refused) << endpoint;
    EXPECT_TRUE(refused.error().is(sluice::Error::Kind::Invalid)) << endpoint;
  }
}

TEST(Intake, WhatIsWrongIsNamed) {
  const EndpointPolicy policy{.default_endpoint = "http://sink/"};
  const auto why = [&](std::string_view body) {
    const auto intake = parse_intake(body, policy);
    return intake ? std::string("accepted") : intake.error().message;
  };
  EXPECT_NE(why("{").find("not a JSON object"), std::string::npos);
  EXPECT_NE(why("[]").find("not a JSON object"), std::string::npos);
  EXPECT_NE(why("{}").find("'payload' is missing"), std::string::npos);
  EXPECT_NE(why(R"({"payload":1,"endpont":"x"})").find("'endpont'"), std::string::npos);
  EXPECT_NE(why(R"({"payload":1,"endpoint":5})").find("'endpoint'"), std::string::npos);
  EXPECT_NE(why(R"({"payload":1,"topic":"a b"})").find("'a b'"), std::string::npos);
  EXPECT_NE(why(R"({"payload":1,"topic":""})").find("topic"), std::string::npos);
  EXPECT_NE(why(R"({"payload":1,"priority":"high"})").find("'high'"), std::string::npos);
}

TEST(IdempotencyKey, QuotedAndPlainAreTheSameKey) {
  EXPECT_EQ(*parse_idempotency_key("\"abc\""), "abc");
  EXPECT_EQ(*parse_idempotency_key("abc"), "abc");
  for (const std::string& wrong : {std::string(), std::string("\"\""), std::string("a b"), std::string(256, 'x')}) {
    EXPECT_FALSE(parse_idempotency_key(wrong)) << wrong;
  }
}

TEST(Ids, AreVersion7AndSortByTime) {
  const Random middle = [] { return 0.5; };
  const std::string first = new_id(Time(Duration(1'000)), middle);
  const std::string second = new_id(Time(Duration(2'000)), middle);
  EXPECT_EQ(first.size(), 36U);
  EXPECT_EQ(first[14], '7');
  EXPECT_EQ(first.substr(0, 13), "00000000-03e8");
  EXPECT_LT(first, second);
}

TEST(Signatures, AreThoseOfStandardWebhooks) {
  // The example of the standard's own libraries.
  EXPECT_EQ(sign("whsec_plJ3nmyCDGBKInavdOK15jsl", "msg_loFOjxBNrRLzqYUf", 1731705121, R"({"event_type":"ping","data":{"success":true}})"),
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
  EXPECT_EQ(sign("whsec_aGVsbG8=", "a", 1, "b"), sign("hello", "a", 1, "b"));  // padding is not part of the key
}

TEST(Statuses, AreOfAllDeliveriesTogether) {
  const auto state = [](std::vector<State> states) {
    MessageStatus status;
    for (const State one : states) status.deliveries.push_back({.state = one});
    return status.state();
  };
  EXPECT_EQ(state({State::Delivered, State::Delivered}), State::Delivered);
  EXPECT_EQ(state({State::Delivered, State::Dead}), State::Dead);
  EXPECT_EQ(state({State::Dead, State::Pending}), State::Pending);
}

TEST(Problems, CarryStatusDetailAndRetryAfter) {
  const auto answer = problem(503, "queue \"full\"", 2);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers.at("Content-Type"), "application/problem+json");
  EXPECT_EQ(answer.headers.at("Retry-After"), "2");
  EXPECT_NE(answer.body.find(R"("detail":"queue \"full\"")"), std::string::npos) << answer.body;
}

}  // namespace
}  // namespace courier
