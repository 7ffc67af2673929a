#include "sample-service/worker/attempt.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kRow = "00f067aa0ba902b7";

double half() { return 0.5; }

Loan loan_with(const std::string& flags, long long fence = 1) {
  Loan loan;
  loan.delivery.message = "m";
  loan.delivery.attempts = 2;
  loan.traceparent = "00-" + kTrace + "-" + kRow + "-" + flags;
  loan.received = Time(Duration(1'700'000'000'000));
  loan.fence = fence;
  return loan;
}

TEST(Attempt, IsAChildOfTheRowsSpanAndTheReceiversParent) {
  const Attempt attempt = begin_attempt(loan_with("01"), half);
  ASSERT_TRUE(attempt.step);
  EXPECT_EQ(attempt.step->trace_id, kTrace);
  EXPECT_NE(attempt.step->span_id, kRow);
  const Span span = delivery_span(loan_with("01"), attempt, "http://sink", sluice::http::Response{503, {}, ""});
  EXPECT_EQ(span.context.span_id, attempt.step->span_id);
  EXPECT_EQ(span.parent, kRow);
  EXPECT_EQ(span.error, "the receiver answered 503");
  EXPECT_GE(span.end, span.start);
  EXPECT_EQ(delivery_span(loan_with("01"), attempt, "http://sink", sluice::http::Response{204, {}, ""}).error, "");
}

TEST(Attempt, TheFirstOneEndsTheWaitInTheQueue) {
  const auto waited = wait_span(loan_with("01"), begin_attempt(loan_with("01"), half), half);
  ASSERT_TRUE(waited);
  EXPECT_EQ(waited->context.trace_id, kTrace);
  EXPECT_EQ(waited->parent, kRow);
  EXPECT_EQ(waited->start, 1'700'000'000'000'000'000);
  EXPECT_FALSE(wait_span(loan_with("01", 3), begin_attempt(loan_with("01", 3), half), half)) << "later ones wait on purpose";
}

TEST(Attempt, OfAClockThatIsAheadTheWaitIsNotNegative) {
  Loan loan = loan_with("01");
  loan.received = Time(Duration(9'000'000'000'000));
  const auto waited = wait_span(loan, begin_attempt(loan, half), half);
  ASSERT_TRUE(waited);
  EXPECT_EQ(waited->start, waited->end);
}

TEST(Attempt, WhatIsNotSampledIsPassedOnAndNotMeasured) {
  const Attempt quiet = begin_attempt(loan_with("00"), half);
  EXPECT_FALSE(quiet.sampled());
  EXPECT_FALSE(wait_span(loan_with("00"), quiet, half));
  EXPECT_TRUE(quiet.step->header().starts_with("00-" + kTrace)) << "passed on all the same";
  Loan without = loan_with("01");
  without.traceparent = "";
  EXPECT_FALSE(begin_attempt(without, half).step);
}

}  // namespace
}  // namespace courier
