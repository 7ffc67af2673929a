#include "sample-service/telemetry/otlp_json.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

const SpanResource kUs{"courier", "1.2", "courier-abc"};

TEST(OtlpJson, IsWhatTheStandardSays) {
  const Span span{.context = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true},
                  .parent = "b7ad6b7169203331",
                  .name = "POST /v1/messages",
                  .kind = Span::Kind::Server,
                  .start = 1'700'000'000'000'000'001,
                  .end = 1'700'000'000'005'000'000,
                  .attributes = {{"http.route", "/v1/messages"}, {"http.response.status_code", 503LL}},
                  .error = "it answered 503"};
  EXPECT_EQ(
      to_otlp_json(kUs, std::span(&span, 1)),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"courier"}},)"
      R"({"key":"service.version","value":{"stringValue":"1.2"}},{"key":"service.instance.id","value":{"stringValue":"courier-abc"}}]},)"
      R"("scopeSpans":[{"scope":{"name":"courier"},"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",)"
      R"("parentSpanId":"b7ad6b7169203331","name":"POST /v1/messages","kind":2,"startTimeUnixNano":"1700000000000000001",)"
      R"("endTimeUnixNano":"1700000000005000000","attributes":[{"key":"http.route","value":{"stringValue":"/v1/messages"}},)"
      R"({"key":"http.response.status_code","value":{"intValue":"503"}}],"status":{"code":2,"message":"it answered 503"}}]}]}]})");
}

TEST(OtlpJson, ARootHasNoParentAndASuccessNoStatusAndNothingIsTooStrangeToWrite) {
  const Span span{.context = {"t", "s", true}, .name = "\xff\"\n"};
  const std::string text = to_otlp_json(kUs, std::span(&span, 1));
  EXPECT_EQ(text.find("parentSpanId"), std::string::npos);
  EXPECT_EQ(text.find("status"), std::string::npos);
  EXPECT_NE(text.find("\xef\xbf\xbd\\\"\\n"), std::string::npos) << text;
}

TEST(OtlpJson, WhatTheCollectorDidNotTakeIsRead) {
  EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}})"), 3U);
  EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":3}})"), 3U);
  for (const char* none :
       {"{}", "", "[]", "{\"partialSuccess\":{}}", "{\"partialSuccess\":7}", R"({"partialSuccess":{"rejectedSpans":-1}})"}) {
    EXPECT_EQ(rejected_spans(none), 0U) << none;
  }
}

}  // namespace
}  // namespace courier
