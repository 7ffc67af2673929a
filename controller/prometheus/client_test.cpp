#include "controller/prometheus/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <random>

#include "controller/prometheus/fake_prometheus_for_test.h"

namespace sluice::prometheus {
namespace {

using testing::HasSubstr;

const char* const kMatrix =
    R"({"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"m","pod":"a"},"values":[[1800000000.123,"1"],[1800000015,"2.5e3"],[1800000030,"NaN"],[1800000045,"+Inf"]]},
        {"metric":{},"values":[]}]}})";

TEST(Answer, MatrixIsRead) {
  const auto answer = parse_answer(kMatrix, {});
  ASSERT_TRUE(answer) << to_string(answer.error());
  ASSERT_EQ(answer->series.size(), 2u);
  EXPECT_EQ(answer->series[0].labels, (Labels{{"pod", "a"}}));
  ASSERT_EQ(answer->series[0].points.size(), 4u);
  EXPECT_EQ(answer->series[0].points[0], (Point{Time(Duration(1'800'000'000'123)), 1}));
  EXPECT_EQ(answer->series[0].points[1].value, 2500);
  EXPECT_TRUE(std::isnan(answer->series[0].points[2].value));
  EXPECT_TRUE(std::isinf(answer->series[0].points[3].value));
}

TEST(Answer, VectorWarningsAndNativeHistogramsAreRead) {
  const auto answer =
      parse_answer(R"({"status":"success","warnings":["partial: store x is down"],"infos":["i"],"data":{"resultType":"vector","result":[
      {"metric":{"le":"0.25"},"value":[1800000000,"3"]},
      {"metric":{"x":"y"},"histogram":[1800000000,{"count":"4","sum":"5","buckets":[[3,"-0.001","0.001","1"],[0,"1","2","3"]]}]}]}})",
                   {});
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->warnings, std::vector<std::string>{"partial: store x is down"});
  EXPECT_EQ(answer->series[0].points.size(), 1u);
  EXPECT_TRUE(answer->series[1].points.empty());
  EXPECT_TRUE(answer->native_histograms);
  ASSERT_EQ(answer->series[1].histograms.size(), 1u);
  const NativeSample& sample = answer->series[1].histograms[0];
  EXPECT_EQ(sample.count, 4);
  EXPECT_EQ(sample.buckets, (std::vector<NativeBucket>{{-0.001, 0.001, 1}, {1, 2, 3}}));
}

TEST(Answer, AMatrixOfNativeHistogramsIsRead) {
  const auto answer =
      parse_answer(R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"h","pod":"a"},"histograms":[
      [1800000000,{"count":"0","sum":"0"}],[1800000015.5,{"buckets":[[0,"0.5","1","7"]],"count":"7","sum":"4.1"}],
      [1800000030,{"count":"NaN","sum":"NaN"}]]}]}})",
                   {});
  ASSERT_TRUE(answer) << to_string(answer.error());
  const auto& samples = answer->series[0].histograms;
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_TRUE(samples[0].buckets.empty());
  EXPECT_EQ(samples[1].at, Time(Duration(1'800'000'015'500)));
  EXPECT_EQ(samples[1].buckets, (std::vector<NativeBucket>{{0.5, 1, 7}}));
  EXPECT_TRUE(std::isnan(samples[2].count));
  for (const char* wrong :
       {R"([1800000000,{"count":"x"}])", R"([{"count":"1"}])", R"([1e300,{"count":"1"}])",
        R"([1800000000,{"count":"1","buckets":[[0,"1","2"]]}])", R"([1800000000,{"count":"1","buckets":[[0,"1","2","3","4"]]}])",
        R"([1800000000,{"count":"1","buckets":[[0,"1",null,"3"]]}])"})
    EXPECT_FALSE(parse_answer(
        R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[)" + std::string(wrong) + "]}]}}", {}))
        << wrong;
  Limits small;
  small.points = 2;
  EXPECT_FALSE(parse_answer(
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{"count":"1","buckets":[[0,"1","2","3"],[0,"2","3","3"]]}]]}]}})",
      small));
}

TEST(Answer, WhatIsNotOneIsCorrectlyRefused) {
  const auto kind = [](const std::string& body) {
    const auto answer = parse_answer(body, {});
    return answer ? std::string("accepted") : std::string(name(answer.error().kind));
  };
  for (const char* body : {"", "null", "1", "[]", "{}", "<html>", "{\"status\":\"success\"}", "{\"status\":\"success\",\"data\":null}",
                           R"({"status":"success","data":{"resultType":"string","result":[1,"1"]}})",
                           R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["x","1"]]}]}})",
                           R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"one"]]}]}})",
                           R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}})",
                           R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e300,"1"]]}]}})",
                           R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,null]]}]}})"})
    EXPECT_EQ(kind(body), "Corrupt") << body;
  EXPECT_EQ(kind(R"({"status":"error","errorType":"bad_data","error":"parse error"})"), "Invalid");
  EXPECT_EQ(kind(R"({"status":"error","errorType":"timeout","error":"query timed out"})"), "Unavailable");
  EXPECT_EQ(kind(std::string(100'000, '[')), "Corrupt");
  EXPECT_EQ(kind("{\"a\":" + std::string(100'000, '[')), "Corrupt");
}

TEST(Answer, NoDamagedAnswerCrashes) {
  std::mt19937 random(1);
  const std::string good = kMatrix;
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = good;
    for (unsigned k = 0; k <= random() % 3; ++k) damaged[random() % damaged.size()] = "[]{}\",:0n \\"[random() % 11];
    if (random() % 4 == 0) damaged.resize(random() % damaged.size());
    (void)parse_answer(damaged, {});
  }
}

TEST(Answer, LimitsHold) {
  Limits limits;
  limits.series = 1;
  EXPECT_THAT(parse_answer(kMatrix, limits).error().message, HasSubstr("more than 1 series: narrow the selector"));
  limits = {};
  limits.points = 3;
  EXPECT_THAT(parse_answer(kMatrix, limits).error().message, HasSubstr("more than 3 samples"));
  limits = {};
  limits.bytes = 100;
  EXPECT_EQ(parse_answer(kMatrix, limits).error().kind, Error::Kind::Corrupt);
  // 40 MB, well formed.
  std::string huge = R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[)";
  while (huge.size() < 40'000'000) huge += R"([1800000000,"1"],)";
  huge += R"([1800000000,"1"]]}]}})";
  const auto answer = parse_answer(huge, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Error::Kind::Corrupt);
  EXPECT_THAT(answer.error().message, HasSubstr("narrow the selector"));
}

struct WithFake : testing::Test {
  std::shared_ptr<FakePrometheus> fake = std::make_shared<FakePrometheus>();
  const Time now = *parse_time("2026-11-23T12:00:00Z");

  Error failure(int status, const std::string& body, http::Headers headers = {}) {
    fake->script([=](const http::Request&, const std::string&) { return http::Response{status, headers, body}; });
    const auto answer = Client(fake).samples({"up", {}}, Duration(60'000), now);
    EXPECT_FALSE(answer);
    return answer ? Error{} : answer.error();
  }
};

TEST_F(WithFake, AQueryIsAFormThatNamesTimeAndTimeout) {
  ClientOptions options;
  options.path_prefix = "/prom";
  options.bearer_token = "secret";
  const Client client(fake, options);
  ASSERT_TRUE(client.samples(*parse_selector("m{a=\"x&y=é\"}"), Duration(75'000), now));
  const http::Request& request = fake->requests.at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/prom/api/v1/query");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.headers.at("Authorization"), "Bearer secret");
  EXPECT_EQ(request.body, "query=m%7Ba%3D%22x%26y%3D%C3%A9%22%7D%5B75000ms%5D&time=1795435200.000&timeout=10000ms");
  EXPECT_EQ(request.max_body, 32u * 1024 * 1024);
  EXPECT_EQ(fake->queries.at(0), "m{a=\"x&y=é\"}[75000ms]");
}

TEST_F(WithFake, TheServersClockIsReported) {
  EXPECT_EQ(Client(fake).samples({"up", {}}, Duration(1000), now)->server_time, now);
  EXPECT_FALSE(parse_http_date("yesterday"));
  EXPECT_FALSE(parse_http_date("Mon, 23 Foo 2026 12:00:00 GMT"));
  EXPECT_FALSE(parse_http_date("Mon, xx Nov 2026 12:00:00 GMT"));
}

TEST_F(WithFake, ErrorsSayWhatTheServerSaidAndWhatToDo) {
  const Error refused = failure(400, R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": unknown matcher"})");
  EXPECT_EQ(refused.kind, Error::Kind::Invalid);
  EXPECT_EQ(refused.http_status, 400);
  EXPECT_THAT(refused.message, HasSubstr("unknown matcher"));
  EXPECT_EQ(failure(503, "upstream connect error").kind, Error::Kind::Unavailable);
  EXPECT_THAT(failure(502, "<html>bad gateway").message, HasSubstr("bad gateway"));
  EXPECT_EQ(failure(429, "slow down", {{"Retry-After", "7"}}).retry_after, std::chrono::seconds(7));
  EXPECT_EQ(failure(401, "").kind, Error::Kind::Forbidden);
  EXPECT_THAT(failure(404, "404 page not found").message, HasSubstr("check the address"));
  EXPECT_EQ(failure(200, "<html>login</html>").kind, Error::Kind::Corrupt);
  EXPECT_EQ(failure(302, "").kind, Error::Kind::Corrupt);
}

TEST_F(WithFake, AnOutageIsPassedOnWithTheStepsName) {
  fake->script([](const http::Request&, const std::string&) -> Expected<http::Response> {
    return fail(Error::Kind::Unavailable, "connection refused");
  });
  const auto answer = Client(fake).samples({"up", {}}, Duration(1000), now);
  ASSERT_FALSE(answer);
  EXPECT_EQ(to_string(answer.error()), "Unavailable: Prometheus: connection refused");
}

TEST_F(WithFake, AnExpressionGivesOneNumberOrNone) {
  const auto value = [&](const std::string& type, const std::string& result) {
    fake->script([=](const http::Request&, const std::string&) -> Expected<http::Response> {
      return http::Response{200, {}, R"({"status":"success","data":{"resultType":")" + type + R"(","result":)" + result + "}}"};
    });
    return Client(fake).value("max(queue_length)", now);
  };
  EXPECT_EQ(**value("scalar", R"([1800000000,"2.5"])"), 2.5);
  EXPECT_EQ(**value("vector", R"([{"metric":{},"value":[1800000000,"7"]}])"), 7);
  EXPECT_EQ(*value("vector", "[]"), std::nullopt);
  EXPECT_EQ(*value("scalar", R"([1800000000,"NaN"])"), std::nullopt);
  EXPECT_EQ(*value("vector", R"([{"metric":{},"value":[1800000000,"+Inf"]}])"), std::nullopt);
  const auto several = value("vector", R"([{"metric":{"a":"1"},"value":[1,"7"]},{"metric":{"a":"2"},"value":[1,"8"]}])");
  ASSERT_FALSE(several);
  EXPECT_THAT(several.error().message, HasSubstr("gives 2 series: aggregate"));
  EXPECT_FALSE(value("scalar", "[]"));
  EXPECT_FALSE(value("scalar", R"(["x","1"])"));
}

TEST_F(WithFake, LabelValuesAreSortedAndDistinct) {
  fake->add("h_bucket", {{"le", "0.5"}, {"pod", "a"}}, now, 1);
  fake->add("h_bucket", {{"le", "0.1"}, {"pod", "a"}}, now, 1);
  fake->add("h_bucket", {{"le", "0.5"}, {"pod", "b"}}, now, 1);
  EXPECT_EQ(*Client(fake).label_values({"h_bucket", {}}, "le", now), (std::vector<std::string>{"0.1", "0.5"}));
}

}  // namespace
}  // namespace sluice::prometheus
