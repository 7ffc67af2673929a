#include "common/http/trace_context.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

constexpr const char* kHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, IsReadAndWrittenAsTheStandardHasIt) {
  const auto context = parse_traceparent(kHeader);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->span_id, "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(context->header(), kHeader);
}

TEST(TraceContext, ALaterVersionIsReadAsFarAsItIsKnown) {
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes"));
  EXPECT_FALSE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what-comes"));
}

TEST(TraceContext, WhatIsNoneIsNone) {
  for (const char* header :
       {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_FALSE(parse_traceparent(header)) << header;
  }
}

TEST(TraceContext, TheNextStepKeepsTheTraceAndHasASpanOfItsOwn) {
  const auto parent = parse_traceparent(kHeader);
  int drawn = 0;
  const TraceContext next = next_span(parent, [&drawn] { return drawn++ == 0 ? 0.7 : 0.25; });
  EXPECT_EQ(next.trace_id, parent->trace_id);
  EXPECT_EQ(next.span_id, "b333333333334000");
  EXPECT_EQ(drawn, 2) << "a random number for each digit costs more than the rest of a cheap request";
  EXPECT_TRUE(next.sampled);
  EXPECT_TRUE(parse_traceparent(next.header()));
}

TEST(TraceContext, WithoutAParentATraceBeginsThatNobodySamples) {
  const TraceContext first = next_span(std::nullopt, [] { return 0.0; });
  EXPECT_FALSE(first.sampled);
  EXPECT_TRUE(parse_traceparent(first.header())) << "never all zero";
  const TraceContext last = next_span(std::nullopt, [] { return 1.0; });
  EXPECT_EQ(last.trace_id, std::string(32, 'f'));
}

}  // namespace
}  // namespace sluice::http
