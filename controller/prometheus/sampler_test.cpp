#include "controller/prometheus/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>

#include "controller/prometheus/fake_prometheus_for_test.h"

namespace sluice::prometheus {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const Time kStart = Time(Duration(1'800'000'000'000));
Time at(double s) { return kStart + Duration(static_cast<long long>(s * 1000)); }

// Two arms of one pod each, scraped every 15 s from second 0 on; counters as a test sets them.
struct Shop : testing::Test {
  std::shared_ptr<FakePrometheus> fake = std::make_shared<FakePrometheus>();
  Sampler sampler{Client(fake)};
  const std::string canary_pod = "web-new-x7f9q", baseline_pod = "web-old-abc12";

  static Labels labels(const std::string& pod, const std::string& ns = "shop") {
    return {{"namespace", ns}, {"pod", pod}, {"instance", pod + ":8080"}, {"job", "web"}};
  }
  void scrape(const std::string& pod, double t, double ok, double failed, double fast, const std::string& ns = "shop") {
    const auto with = [&](const char* key, const char* value) {
      Labels l = labels(pod, ns);
      l[key] = value;
      return l;
    };
    fake->add("http_request_duration_seconds_count", with("status", "200"), at(t), ok);
    if (failed > 0) fake->add("http_request_duration_seconds_count", with("status", "503"), at(t), failed);
    Labels bucket = with("status", "200");
    for (const auto& [le, value] : {std::pair<const char*, double>{"0.1", fast / 2}, {"0.25", fast}, {"1", ok}, {"+Inf", ok}}) {
      bucket["le"] = le;
      fake->add("http_request_duration_seconds_bucket", bucket, at(t), value);
    }
  }
  SampleRequest request(double from, double to) const {
    SampleRequest r;
    r.ns = "shop";
    r.canary.replica_sets = {"web-new"};
    r.baseline.replica_sets = {"web-old"};
    r.slos = {{"errors", ErrorRateQuery{}}, {"latency", LatencyQuery{}}};
    r.from = at(from);
    r.to = at(to);
    r.spacing = Duration(15'000);
    return r;
  }
  Sample take(const SampleRequest& r) {
    auto sample = sampler.sample(r);
    EXPECT_TRUE(sample) << to_string(sample.error());
    return sample ? *sample : Sample{};
  }
  void SetUp() override {
    for (int i = 0; i <= 4; ++i) {
      scrape(canary_pod, 15 * i, 10 * i, i >= 3 ? 2 * (i - 2) : 0, 8 * i);
      scrape(baseline_pod, 15 * i + 3, 90 * i, 0, 81 * i);
    }
  }
};

TEST_F(Shop, OneTickCountsBothArmsOfEverySlo) {
  const Sample s = take(request(30, 45));
  ASSERT_EQ(s.slos.size(), 2u);
  EXPECT_TRUE(s.slos[0].present);
  EXPECT_EQ(s.slos[0].canary, (judge::Counts{12, 2})) << "the first errors of a status code count";
  EXPECT_EQ(s.slos[0].baseline, (judge::Counts{90, 0}));
  EXPECT_TRUE(s.slos[1].present);
  EXPECT_EQ(s.slos[1].baseline, (judge::Counts{90, 9}));
  EXPECT_EQ(s.bounds, (std::vector<std::string>{"", "0.25"}));
  EXPECT_TRUE(s.canary_present && s.baseline_present);
  EXPECT_EQ(s.missing, "");
  EXPECT_DOUBLE_EQ(s.observed_spacing, 15);
  EXPECT_THAT(fake->queries, Contains("http_request_duration_seconds_count{namespace=\"shop\",pod=~\"web-new-[a-z0-9]{5}\"}[45000ms]"));
}

TEST_F(Shop, TheBoundsOfAHistogramAreAskedForOnce) {
  take(request(15, 30));
  const std::size_t before = fake->queries.size();
  take(request(30, 45));
  EXPECT_EQ(fake->queries.size() - before, 8u) << "two SLOs, two arms, two counters";
}

TEST_F(Shop, ABoundThatIsNotTheThresholdIsReported) {
  SampleRequest r = request(30, 45);
  r.slos = {{"latency", LatencyQuery{"http_request_duration_seconds", Duration(700)}}};
  const Sample s = take(r);
  EXPECT_EQ(s.bounds[0], "1");
  EXPECT_THAT(s.notes, Contains("latency: the nearest bucket bound 1 s is used for 700ms"));
}

TEST_F(Shop, ACanaryWithoutMetricsIsNoDataAndTheAnswerNamesTheSeries) {
  SampleRequest r = request(30, 45);
  r.canary.replica_sets = {"web-silent"};
  const Sample s = take(r);
  EXPECT_FALSE(s.slos[0].present);
  EXPECT_FALSE(s.slos[1].present);
  EXPECT_FALSE(s.canary_present);
  EXPECT_TRUE(s.baseline_present);
  EXPECT_EQ(
      s.missing,
      "errors: no series match http_request_duration_seconds_count{namespace=\"shop\",pod=~\"web-silent-[a-z0-9]{5}\"} for the canary");
}

TEST_F(Shop, AnArmThatStoppedBeingScrapedIsNoData) {
  for (int i = 5; i <= 8; ++i) scrape(baseline_pod, 15 * i + 3, 90 * i, 0, 81 * i);
  const Sample s = take(request(75, 90));
  EXPECT_FALSE(s.slos[0].present);
  EXPECT_THAT(s.missing, HasSubstr("no samples of http_request_duration_seconds_count{"));
  EXPECT_THAT(s.missing, HasSubstr("for the canary between 2027-01-15T08:01:15Z and 2027-01-15T08:01:30Z"));
}

TEST_F(Shop, AnArmThatIsNotAskedForIsNotMissed) {
  SampleRequest r = request(30, 45);
  r.canary.replica_sets = {};
  const Sample s = take(r);
  EXPECT_TRUE(s.slos[0].present);
  EXPECT_EQ(s.slos[0].canary, judge::Counts{});
  EXPECT_EQ(s.slos[0].baseline.total, 90);
  EXPECT_EQ(s.missing, "");
  EXPECT_FALSE(s.canary_present);
}

TEST_F(Shop, NeighboursAreNeverCounted) {
  for (int i = 0; i <= 4; ++i) scrape(canary_pod, 15 * i, 1000 * i, 0, 0, "bank");
  EXPECT_EQ(take(request(30, 45)).slos[0].canary.total, 12);
  SampleRequest r = request(30, 45);
  r.slos = {{"errors", ErrorRateQuery{"http_request_duration_seconds_count{namespace=\"bank\"}",
                                      "http_request_duration_seconds_count{namespace=\"bank\",status=~\"5..\"}"}}};
  const Sample s = take(r);
  EXPECT_FALSE(s.slos[0].present);
  EXPECT_EQ(s.slos[0].canary, judge::Counts{});
}

TEST_F(Shop, APartialAnswerIsNoData) {
  fake->warnings = nlohmann::json::array({"store-3 is down"});
  const Sample s = take(request(30, 45));
  EXPECT_FALSE(s.slos[0].present);
  EXPECT_THAT(s.missing, HasSubstr("may be partial for the canary: store-3 is down"));
}

TEST_F(Shop, AnOutageIsAnErrorAndTheNextTickMaySpanTheGap) {
  fake->script([](const http::Request&, const std::string&) -> Expected<http::Response> {
    return fail(Error::Kind::Unavailable, "connection refused");
  });
  const auto during = sampler.sample(request(15, 30));
  ASSERT_FALSE(during);
  EXPECT_EQ(to_string(during.error()), "Unavailable: slo errors: Prometheus: connection refused");
  fake->script(nullptr);
  EXPECT_EQ(take(request(15, 60)).slos[0].baseline.total, 270) << "the scrapes at 18, 33 and 48 s";
}

TEST_F(Shop, ErrorsThatAreNoPartOfTheTotalAreNotJudged) {
  SampleRequest r = request(30, 45);
  r.slos = {{"errors", ErrorRateQuery{"http_request_duration_seconds_count{status=\"503\"}", "http_request_duration_seconds_count"}}};
  const Sample s = take(r);
  EXPECT_FALSE(s.slos[0].present);
}

TEST_F(Shop, NaNCountersAreNoInformation) {
  fake->add("weird_total", labels(canary_pod), at(30), std::nan(""));
  fake->add("weird_total", labels(canary_pod), at(45), std::nan(""));
  SampleRequest r = request(30, 45);
  r.slos = {{"errors", ErrorRateQuery{"weird_total", "weird_total{status=~\"5..\"}"}}};
  const Sample s = take(r);
  EXPECT_FALSE(s.slos[0].present);
  EXPECT_EQ(s.slos[0].canary, judge::Counts{});
}

TEST_F(Shop, WithoutBucketsLatencyIsUnknownNotBad) {
  SampleRequest r = request(30, 45);
  r.slos = {{"latency", LatencyQuery{"http_request_duration_seconds{status=\"204\"}", Duration(250)}}};
  const Sample s = take(r);
  EXPECT_FALSE(s.slos[0].present);
  EXPECT_THAT(s.missing, HasSubstr("no usable series match http_request_duration_seconds_bucket{status=\"204\""));
}

TEST_F(Shop, EachPodIsCountedForItself) {
  for (int i = 0; i <= 4; ++i) scrape("web-new-bbbbb", 15 * i + 2, 10 * i, 0, 8 * i);
  const Sample s = take(request(30, 45));
  EXPECT_EQ(s.slos[0].canary, (judge::Counts{22, 2})) << "the second pod's scrape at 47 s is of the next tick";
  ASSERT_EQ(s.pods.size(), 2u);
  EXPECT_EQ(take(request(30, 50)).pods[0].canary,
            (std::map<std::string, judge::Counts>{{canary_pod, {12, 2}}, {"web-new-bbbbb", {20, 0}}}));
  EXPECT_EQ(s.pods[1].baseline.at(baseline_pod), (judge::Counts{90, 9}));
}

TEST_F(Shop, AWrongClockOfPrometheusShiftsTheTick) {
  ManualClock ours(at(60 - 3600 * 0.05));  // Prometheus is three minutes ahead: its 60 s are our -120 s
  fake->date = [](const http::Request&) { return at(60); };
  Sampler corrected{Client(fake), &ours};
  SampleRequest r = request(30 - 180, 45 - 180);
  r.canary.pods.warm_until[canary_pod] = at(15 - 180);
  const auto s = corrected.sample(r);
  ASSERT_TRUE(s) << to_string(s.error());
  EXPECT_EQ(s->slos[0].canary, (judge::Counts{12, 2}));
  EXPECT_EQ(s->slos[1].baseline, (judge::Counts{90, 9}));
  EXPECT_EQ(s->to, r.to) << "times stay the caller's";
  EXPECT_THAT(s->notes, Contains(HasSubstr("clock: Prometheus' clock is 3m")));
  EXPECT_THAT(s->notes, Contains(HasSubstr("ahead of ours")));
  r.canary.pods.warm_until[canary_pod] = at(45 - 180);
  EXPECT_EQ(corrected.sample(r)->slos[0].canary.total, 0) << "a warm-up is told in our time, too";
}

TEST_F(Shop, ClocksThatAgreeCostNothing) {
  ManualClock ours(at(60));
  fake->date = [](const http::Request&) { return at(60); };
  Sampler corrected{Client(fake), &ours};
  ASSERT_TRUE(corrected.sample(request(15, 30)));
  const std::size_t before = fake->queries.size();
  const auto s = corrected.sample(request(30, 45));
  EXPECT_EQ(fake->queries.size() - before, 8u);
  EXPECT_THAT(s->notes, IsEmpty());
}

TEST_F(Shop, NativeHistogramsAreUsedWhereThereAreNoBuckets) {
  for (const auto& [pod, slow] : {std::pair{canary_pod, 5.0}, std::pair{baseline_pod, 1.0}})
    for (int i = 0; i <= 3; ++i)
      fake->add_native("native_seconds", labels(pod), {at(15 * i), 20.0 * i, {{0.125, 0.25, (20 - slow) * i}, {0.25, 0.5, slow * i}}});
  SampleRequest r = request(30, 45);
  r.slos = {{"latency", LatencyQuery{"native_seconds", Duration(250)}}};
  const Sample s = take(r);
  EXPECT_EQ(s.missing, "");
  EXPECT_EQ(s.bounds[0], "0.25");
  EXPECT_EQ(s.slos[0].canary, (judge::Counts{20, 5}));
  EXPECT_EQ(s.slos[0].baseline, (judge::Counts{20, 1}));
  EXPECT_DOUBLE_EQ(s.observed_spacing, 15);
}

TEST_F(Shop, ANativeHistogramWhoseBucketsHideTheBoundIsLeftOutAndToldOfForOneBoundAsForSeveral) {
  for (const std::string& pod : {canary_pod, baseline_pod})
    for (int i = 0; i <= 3; ++i)
      fake->add_native("native_seconds", labels(pod), {at(15 * i), 20.0 * i, {{0.125, 0.25, 15.0 * i}, {0.25, 0.5, 5.0 * i}}});
  Labels coarse = labels(baseline_pod);
  coarse["route"] = "/slow";
  for (int i = 0; i <= 3; ++i) fake->add_native("native_seconds", coarse, {at(15 * i), 7.0 * i, {{-0.4, 0.4, 7.0 * i}}});
  SampleRequest r = request(30, 45);
  for (const SloQuery& slo : {SloQuery{"latency", LatencyQuery{"native_seconds", Duration(250)}},
                              SloQuery{"latency", DistributionQuery{"native_seconds", {0.25}}}}) {
    r.slos = {slo};
    const Sample s = take(r);
    EXPECT_EQ(s.missing, "");
    EXPECT_EQ(s.slos[0].baseline.total, 20) << "without the seven of the other histogram";
    EXPECT_THAT(s.notes, Contains(AllOf(HasSubstr("latency: 3 histogram(s) of native_seconds"), HasSubstr("left out for the baseline"))))
        << ::testing::PrintToString(s.notes);
  }
}

TEST_F(Shop, AWholeDistributionIsCountedAboveEachBound) {
  SampleRequest r = request(30, 45);
  r.slos = {{"latency", DistributionQuery{"http_request_duration_seconds", {0.1, 0.25}}}};
  const Sample s = take(r);
  EXPECT_EQ(s.missing, "");
  EXPECT_EQ(s.slos[0].canary.total, 10);
  EXPECT_EQ(s.slos[0].canary_above[0], 10 - 4);
  EXPECT_EQ(s.slos[0].canary_above[1], 10 - 8);
  EXPECT_EQ(s.slos[0].baseline_above[1], 9);
  EXPECT_EQ(s.slos[0].canary_pods, 1);
  r.slos = {{"latency", DistributionQuery{"http_request_duration_seconds", {0.2}}}};
  EXPECT_THAT(take(r).missing, HasSubstr("no samples of")) << "a bound that nobody has";
  r.slos = {{"latency", DistributionQuery{}}};
  EXPECT_THAT(sampler.sample(r).error().message, HasSubstr("slo latency: 0 latency bounds: 1 to 7"));
}

TEST_F(Shop, ADistributionOfNativeHistogramsToo) {
  for (const std::string& pod : {canary_pod, baseline_pod})
    for (int i = 0; i <= 3; ++i)
      fake->add_native("native_seconds", labels(pod), {at(15 * i), 20.0 * i, {{0.125, 0.25, 15.0 * i}, {0.25, 0.5, 5.0 * i}}});
  SampleRequest r = request(30, 45);
  r.slos = {{"latency", DistributionQuery{"native_seconds", {0.125, 0.25}}}};
  const Sample s = take(r);
  EXPECT_EQ(s.missing, "");
  EXPECT_EQ(s.slos[0].canary_above[0], 20);
  EXPECT_EQ(s.slos[0].canary_above[1], 5);
  r.from = at(0);
  const auto history = sampler.latency_history(r, r.baseline, "native_seconds");
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_EQ(history->total, 60);
  EXPECT_EQ(history->bounds, (std::vector<double>{0.125, 0.25, 0.5}));
  EXPECT_EQ(history->above, (std::vector<double>{60, 15, 0}));
}

TEST_F(Shop, BoundsAreChosenFromTheBaselinesPast) {
  SampleRequest r = request(3, 60);
  const auto history = sampler.latency_history(r, r.baseline, "http_request_duration_seconds");
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_EQ(history->bounds, (std::vector<double>{0.1, 0.25, 1}));
  EXPECT_EQ(history->total, 270);
  EXPECT_EQ(history->above, (std::vector<double>{270 - 121.5, 27, 0}));
  ASSERT_TRUE(judge::choose_bounds(*history, 0.05));
  r.baseline.replica_sets = {"web-silent"};
  EXPECT_EQ(sampler.latency_history(r, r.baseline, "http_request_duration_seconds").error().kind, Error::Kind::NotFound);
}

TEST_F(Shop, AGaugeIsTheMeanOfTheLastValues) {
  for (const auto& [pod, value] : {std::pair<std::string, double>{canary_pod, 10}, {"web-new-bbbbb", -4}, {baseline_pod, 7}})
    for (int i = 0; i <= 3; ++i) fake->add("queue_length", labels(pod), at(15 * i + 1), value + i);
  fake->add("queue_length", labels(canary_pod), at(44), std::nan(""));
  SampleRequest r = request(30, 45);
  r.slos = {{"queue", GaugeQuery{"queue_length"}}};
  Sample s = take(r);
  EXPECT_EQ(s.missing, "");
  EXPECT_DOUBLE_EQ(s.slos[0].canary_value, (12 + -2) / 2.0) << "the scrape at 31 s; NaN is no information";
  EXPECT_DOUBLE_EQ(s.slos[0].baseline_value, 9);
  r.canary.pods.warm_until["web-new-bbbbb"] = at(45);
  EXPECT_DOUBLE_EQ(take(r).slos[0].canary_value, 12);
  r.slos = {{"queue", GaugeQuery{"no_such_gauge"}}};
  s = take(r);
  EXPECT_FALSE(s.slos[0].present);
  EXPECT_TRUE(std::isnan(s.slos[0].canary_value));
  EXPECT_THAT(s.missing, HasSubstr("queue: no series match no_such_gauge{"));
}

TEST_F(Shop, AnExpressionIsAskedForEachArm) {
  fake->script([](const http::Request&, const std::string& query) -> Expected<http::Response> {
    const bool is_canary = query == "max(queue{namespace=\"shop\",pod=~\"web-new-.*\"})";
    const std::string result = is_canary ? R"([{"metric":{},"value":[1800000045,"3.5"]}])" : "[]";
    return http::Response{200, {}, R"({"status":"success","data":{"resultType":"vector","result":)" + result + "}}"};
  });
  SampleRequest r = request(30, 45);
  r.slos = {{"queue", ExpressionQuery{"max(queue{namespace=\"{{namespace}}\",pod=~\"{{replicaSet}}-.*\"})"}}};
  const Sample s = take(r);
  EXPECT_DOUBLE_EQ(s.slos[0].canary_value, 3.5);
  EXPECT_TRUE(std::isnan(s.slos[0].baseline_value));
  EXPECT_THAT(s.missing, HasSubstr("for the baseline between"));
  r.slos = {{"queue", ExpressionQuery{"max({{pod}})"}}};
  EXPECT_THAT(sampler.sample(r).error().message, HasSubstr("unknown placeholder"));
  r.slos = {{"queue", ExpressionQuery{" "}}};
  EXPECT_FALSE(sampler.sample(r));
}

TEST_F(Shop, TheWorstPodsOfTheCanaryAreNamed) {
  const Sample s = take(request(30, 45));
  EXPECT_EQ(s.slos[0].worst_pods[0], (judge::PodBad{judge::pod_id(canary_pod), 2}));
  EXPECT_EQ(s.slos[0].worst_pods[1], judge::PodBad{});
}

TEST_F(Shop, ScrapePhasesOfTheArmsMayDiffer) {
  // The canary is scraped at 0, 15, ... and the baseline 14 s later; every request of both is counted once.
  std::shared_ptr<FakePrometheus> other = std::make_shared<FakePrometheus>();
  fake = other;
  for (int i = 0; i <= 20; ++i) {
    scrape(canary_pod, 15 * i, 10 * i, 0, 8 * i);
    scrape(baseline_pod, 15 * i + 14, 90 * i, 0, 81 * i);
  }
  Sampler asked{Client(fake)};
  judge::Counts canary, baseline;
  for (double from = 15; from < 285; from += 15) {
    const auto s = asked.sample(request(from, from + 15));
    ASSERT_TRUE(s && s->slos[0].present) << from;
    EXPECT_EQ(s->slos[0].canary.total, 10) << from;
    EXPECT_EQ(s->slos[0].baseline.total, 90) << from;
  }
}

TEST_F(Shop, ASampleThatComesTooLateCostsRequestsAndErrorsAlike) {
  scrape(baseline_pod, 70, 360, 0, 300);
  EXPECT_FALSE(take(request(60, 75)).slos[0].present);
  scrape(canary_pod, 74, 1000, 100, 900);  // arrives after its tick was read
  scrape(canary_pod, 90, 1010, 101, 908);
  scrape(baseline_pod, 85, 450, 0, 380);
  EXPECT_EQ(take(request(75, 90)).slos[0].canary, (judge::Counts{11, 1})) << "only what came after it";
}

TEST_F(Shop, StoppingEndsTheQuestions) {
  std::stop_source source;
  source.request_stop();
  const auto sample = sampler.sample(request(30, 45), source.get_token());
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().kind, Error::Kind::Cancelled);
}

TEST(SamplerCheck, NamesTheSloAndThePosition) {
  EXPECT_TRUE(check(kDefaultArmSelector, {{"errors", ErrorRateQuery{}}, {"latency", LatencyQuery{}}}));
  const auto message = [](const std::string& arm, SloQuery slo) {
    const auto ok = check(arm, {std::move(slo)});
    return ok ? std::string("accepted") : ok.error().message;
  };
  EXPECT_THAT(message(kDefaultArmSelector, {"e", ErrorRateQuery{"rate(x[1m])", "x"}}),
              HasSubstr("slo e: total: selector `rate(x[1m])`, position 5"));
  EXPECT_THAT(message(kDefaultArmSelector, {"l", LatencyQuery{"h{le=\"1\"}", Duration(1)}}), HasSubstr("chosen by the threshold"));
  EXPECT_THAT(message(kDefaultArmSelector, {"l", LatencyQuery{"h", Duration(0)}}), HasSubstr("threshold is 0s"));
  EXPECT_THAT(message("namespace=\"{{namespace}}\"", {"e", ErrorRateQuery{}}), HasSubstr("both arms are the same"));
  EXPECT_THAT(message("pod=~\"{{replicaSet}}\",x=\"{{oops}}\"", {"e", ErrorRateQuery{}}), HasSubstr("unknown placeholder"));
}

TEST(NearestBound, IsNearestByRatioAndNeverInfinite) {
  EXPECT_EQ(nearest_bound({"0.1", "0.25", "0.5", "+Inf"}, 0.25), "0.25");
  EXPECT_EQ(nearest_bound({"0.1", "1", "+Inf"}, 0.3), "0.1");
  EXPECT_EQ(nearest_bound({"0.1", "1", "+Inf"}, 0.33), "1");
  EXPECT_EQ(nearest_bound({"+Inf", "NaN", "-1", "0", ""}, 0.25), "");
}

}  // namespace
}  // namespace sluice::prometheus
