#include "sample-service/api/request_span.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

Call call_of_client() {
  Call call;
  call.route = match("GET", "/v1/messages/m").route;
  call.trace = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true};
  call.parent_span = "b7ad6b7169203331";
  return call;
}

TEST(RequestSpan, IsNamedAfterTheRouteAndTheChildOfTheClients) {
  const Call call = call_of_client();
  const Span span = request_span(call, "GET", call.route->pattern, 200, call.watch.start() + 5);
  EXPECT_EQ(span.name, "GET /v1/messages/{id}");
  EXPECT_EQ(span.kind, Span::Kind::Server);
  EXPECT_EQ(span.context.span_id, call.trace.span_id);
  EXPECT_EQ(span.parent, "b7ad6b7169203331");
  EXPECT_EQ(span.end - span.start, 5);
  EXPECT_EQ(span.error, "");
}

TEST(RequestSpan, WhatTheServerDidWrongIsAnErrorAndWhatTheClientDidIsNot) {
  const Call call = call_of_client();
  EXPECT_EQ(request_span(call, "GET", "/", 404, 0).error, "");
  EXPECT_EQ(request_span(call, "GET", "/", 503, 0).error, "answered 503");
}

TEST(RequestSpan, RawPathsAndMethodsAreNoNames) {
  Call call = call_of_client();
  call.route = nullptr;
  EXPECT_EQ(request_span(call, "BREW", "unmatched", 404, 0).name, "unmatched");
}

TEST(StoreSpan, IsAChildOfTheRequest) {
  const Call call = call_of_client();
  const Span span = store_span(
      call, "intake", "postgres", {}, [] { return 0.5; }, "away");
  EXPECT_EQ(span.context.trace_id, call.trace.trace_id);
  EXPECT_NE(span.context.span_id, call.trace.span_id);
  EXPECT_EQ(span.parent, call.trace.span_id);
  EXPECT_EQ(span.error, "away");
  EXPECT_EQ(std::get<std::string>(span.attributes.at(0).second), "postgresql");
}

}  // namespace
}  // namespace courier
