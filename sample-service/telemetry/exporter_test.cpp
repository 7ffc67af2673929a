#include "sample-service/telemetry/exporter.h"

#include <future>
#include <latch>

#include <gtest/gtest.h>

namespace courier {
namespace {

using namespace std::chrono_literals;
using sluice::Error;
using sluice::fail;
using sluice::http::Request;
using sluice::http::Response;

// A collector that answers as the test says, on the exporter's thread.
class Collector final : public sluice::http::Transport {
 public:
  using Answer = std::function<Expected<Response>(int number)>;
  explicit Collector(Answer answer) : answer_(std::move(answer)) {}
  Expected<Response> send(const Request& request, std::stop_token) override {
    int number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = static_cast<int>(requests_.size());
      requests_.push_back(request);
    }
    return answer_(number);
  }
  Expected<bool> stream(const Request&, const sluice::http::OnHead&, const sluice::http::OnChunk&, std::stop_token) override {
    return false;
  }
  std::vector<Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  const Answer answer_;
  std::mutex mutex_;
  std::vector<Request> requests_;
};

Span span(int number) { return {.context = {"trace", "span-" + std::to_string(number), true}, .name = "n"}; }

std::size_t spans_in(const std::string& body) {
  std::size_t count = 0;
  for (auto at = body.find("\"spanId\""); at != std::string::npos; at = body.find("\"spanId\"", at + 1)) ++count;
  return count;
}

class Exporter : public ::testing::Test {
 protected:
  void start(Collector::Answer answer, ExporterOptions options) {
    options.endpoint = "http://collector:4318";
    collector = std::make_shared<Collector>(std::move(answer));
    exporter = std::make_unique<SpanExporter>(options, SpanResource{}, SpanExporter::Parts{metrics, [] { return 0.5; }, collector});
  }
  double dropped(const std::string& reason) {
    return metrics.counter("trace_spans_dropped_total", "Spans that never reach the collector.", {{"reason", reason}}).value();
  }
  double exported() { return metrics.counter("trace_spans_exported_total", "Spans that the collector took.").value(); }

  sluice::metrics::Registry metrics;
  std::shared_ptr<Collector> collector;
  std::unique_ptr<SpanExporter> exporter;
};

constexpr Duration kNever{3'600'000};
const Response kTaken{200, {}, "{}"};

TEST_F(Exporter, SendsWhatIsThereInBatchesWhenItEnds) {
  start([](int) { return kTaken; }, {.batch = 4, .every = kNever});
  for (int i = 0; i < 10; ++i) exporter->offer(span(i));
  exporter->end(10s);
  std::size_t sent = 0;
  for (const Request& request : collector->requests()) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/v1/traces");
    EXPECT_EQ(request.headers.at("Content-Type"), "application/json");
    EXPECT_LE(spans_in(request.body), 4U);
    sent += spans_in(request.body);
  }
  EXPECT_EQ(sent, 10U);
  EXPECT_EQ(exported(), 10);
  exporter->offer(span(10));
  EXPECT_EQ(dropped("ended"), 1);
}

TEST_F(Exporter, AFullBatchDoesNotWait) {
  std::promise<void> asked;
  start(
      [&](int number) {
        if (number == 0) asked.set_value();
        return kTaken;
      },
      {.batch = 2, .every = kNever});
  exporter->offer(span(0));
  exporter->offer(span(1));
  EXPECT_EQ(asked.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(Exporter, WhileTheCollectorHangsNobodyWaitsAndWhatDoesNotFitIsCounted) {
  std::latch asked(1);
  std::latch go(1);
  start(
      [&](int number) {
        if (number == 0) {
          asked.count_down();
          go.wait();
        }
        return kTaken;
      },
      {.queue = 3, .batch = 2, .every = kNever});
  exporter->offer(span(0));
  exporter->offer(span(1));
  asked.wait();
  for (int i = 0; i < 10; ++i) exporter->offer(span(2 + i));  // returns, though nobody sends
  EXPECT_EQ(dropped("queue_full"), 7);
  go.count_down();
  exporter->end(10s);
  EXPECT_EQ(exported(), 5);
}

TEST_F(Exporter, ABatchIsSentAgainWhenTheCollectorIsBack) {
  std::promise<void> back;
  start(
      [&](int number) -> Expected<Response> {
        if (number == 0) return fail(Error::Kind::Unavailable, "no connection");
        if (number == 1) return Response{503, {}, ""};
        if (number == 2) back.set_value();
        return kTaken;
      },
      {.batch = 1, .every = Duration(1), .first_pause = Duration(1), .longest_pause = Duration(1)});
  exporter->offer(span(7));
  ASSERT_EQ(back.get_future().wait_for(20s), std::future_status::ready);
  exporter->end(10s);
  const auto requests = collector->requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[2].body, requests[0].body);
  EXPECT_EQ(exported(), 1);
  EXPECT_EQ(dropped("refused") + dropped("ended") + dropped("queue_full"), 0);
}

TEST_F(Exporter, WhatTheCollectorDoesNotWantIsDroppedAndCounted) {
  start(
      [](int number) {
        return number == 0 ? Response{400, {}, ""} : Response{200, {}, R"({"partialSuccess":{"rejectedSpans":"1"}})"};
      },
      {.batch = 2, .every = kNever});
  for (int i = 0; i < 4; ++i) exporter->offer(span(i));
  exporter->end(10s);
  EXPECT_EQ(dropped("refused"), 3);
  EXPECT_EQ(exported(), 1);
}

TEST_F(Exporter, ADeadCollectorIsTriedOnceAtTheEnd) {
  start([](int) -> Expected<Response> { return fail(Error::Kind::Unavailable, "no connection"); },
        {.batch = 2, .every = kNever, .first_pause = kNever, .longest_pause = kNever});
  for (int i = 0; i < 5; ++i) exporter->offer(span(i));
  exporter->end(10s);
  EXPECT_LE(collector->requests().size(), 2U);  // one of them before the end, perhaps
  EXPECT_EQ(dropped("ended"), 5);
}

TEST_F(Exporter, WithoutTimeNothingIsBegun) {
  start([](int) { return kTaken; }, {.batch = 100, .every = kNever});
  exporter->offer(span(0));
  exporter.reset();
  EXPECT_TRUE(collector->requests().empty());
  EXPECT_EQ(dropped("ended"), 1);
}

}  // namespace
}  // namespace courier
