#include "controller/judge_tool/tool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "controller/prometheus/fake_prometheus_for_test.h"

namespace sluice::judge_tool {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Tool : testing::Test {
  std::shared_ptr<prometheus::FakePrometheus> fake = std::make_shared<prometheus::FakePrometheus>();
  std::string url;
  std::size_t width = 100;

  struct Result {
    int status;
    std::string out, err;
  };
  Result run(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), "sluice-judge");
    std::vector<const char*> argv;
    for (const std::string& a : arguments) argv.push_back(a.c_str());
    std::istringstream in(input);
    std::ostringstream out, err;
    const int status =
        judge_tool::run(static_cast<int>(argv.size()), argv.data(), {in, out, err, width, false, [&](const http::Endpoint& endpoint) {
                                                                       url = endpoint.url;
                                                                       return Expected<std::shared_ptr<http::Transport>>(fake);
                                                                     }});
    return {status, out.str(), err.str()};
  }

  static std::string lines(int ticks, double ratio) {
    std::mt19937_64 random(5);
    std::ostringstream out;
    for (int t = 1; t <= ticks; ++t)
      for (const bool canary : {true, false}) {
        const int n = canary ? 75 : 675;
        out << R"({"time":)" << 1'800'000'000 + 15 * t << R"(,"arm":")" << (canary ? "canary" : "baseline")
            << R"(","slo":"errors","requests":)" << n << R"(,"bad":)"
            << std::binomial_distribution<int>(n, 0.01 * (canary ? ratio : 1))(random) << "}\n";
      }
    return out.str();
  }

  // Pods scraped every 15 s for `minutes`; the pods of `bad_pod` fail five times as often.
  void serve(int pods, int minutes, const std::string& bad_pod = "", const std::string& label = "pod") {
    std::mt19937_64 random(9);
    for (int p = 0; p < pods; ++p) {
      const std::string pod = "web-a-" + std::to_string(p);
      double ok = 0, failed = 0;
      for (int t = 0; t <= minutes * 4; ++t) {
        const double f = std::binomial_distribution<int>(75, pod == bad_pod ? 0.05 : 0.01)(random);
        ok += 75 - f;
        failed += f;
        const Time at = Time(Duration(1'800'000'000'000 + 15'000LL * t + 100 * p));
        for (const auto& [status, value] : {std::pair{"200", ok}, std::pair{"500", failed}})
          fake->add("http_request_duration_seconds_count",
                    {{"namespace", "shop"}, {label, pod}, {"instance", pod + ":80"}, {"status", status}}, at, value);
      }
    }
  }
  std::vector<std::string> from_prometheus(std::vector<std::string> more) {
    std::vector<std::string> all{"replay", "--from-prometheus",   "http://prometheus:9090/prefix/", "--start", "2027-01-15T08:00:00Z",
                                 "--end",  "2027-01-15T09:00:00Z"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

TEST_F(Tool, HelpHasExamplesAndUsageErrorsAreTwo) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--help"}, {"replay", "--help"}, {"plan", "--help"}}) {
    const Result r = run(arguments);
    EXPECT_EQ(r.status, 0);
    EXPECT_THAT(r.out, HasSubstr("Examples:"));
  }
  EXPECT_EQ(run({}).status, 2);
  EXPECT_EQ(run({"plan"}).status, 2);
  EXPECT_THAT(run({"plan"}).err, HasSubstr("--rps is required"));
  EXPECT_EQ(run({"replay", "--nonsense"}).status, 2);
}

TEST_F(Tool, ReplayPrintsEachVerdictAndItsSentence) {
  const Result r = run({"replay"}, lines(60, 5));
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out, HasSubstr("2027-01-15T08:00:15Z  tick 1  Judging\n"));
  EXPECT_THAT(r.out, AllOf(HasSubstr("  Fail\n"), HasSubstr("FAIL errors: "), HasSubstr("End: Fail after "),
                           HasSubstr("later ticks were not judged")));
}

TEST_F(Tool, LinesFitTheTerminal) {
  for (const std::size_t columns : {80, 140}) {
    width = columns;
    for (const Result& r : {run({"replay"}, lines(30, 5)), run({"plan", "--rps", "5"})}) {
      std::istringstream text(r.out);
      std::size_t longest = 0;
      for (std::string line; std::getline(text, line);) longest = std::max(longest, line.size());
      EXPECT_LE(longest, columns);
      EXPECT_GT(longest, columns - 25) << "and use it";
    }
  }
}

TEST_F(Tool, HelpFitsTheTerminal) {
  width = 80;
  for (const char* command : {"replay", "plan"}) {
    std::istringstream text(run({command, "--help"}).out);
    for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST_F(Tool, ChangesPrintsOnlyWhatChanges) {
  const Result all = run({"replay"}, lines(60, 1)), changes = run({"replay", "--changes"}, lines(60, 1));
  EXPECT_GT(std::count(all.out.begin(), all.out.end(), '\n'), 100);
  EXPECT_LT(std::count(changes.out.begin(), changes.out.end(), '\n'), 40);
  EXPECT_THAT(changes.out, HasSubstr("tick 1  Judging"));
  EXPECT_THAT(changes.out, HasSubstr("after 60 ticks"));
}

TEST_F(Tool, JsonIsOneObjectPerTick) {
  const Result r = run({"replay", "--json"}, lines(25, 1));
  std::istringstream text(r.out);
  int objects = 0;
  json last;
  for (std::string line; std::getline(text, line); ++objects) last = json::parse(line);
  EXPECT_GE(objects, 25);
  EXPECT_EQ(last["slos"][0]["name"], "errors");
  EXPECT_TRUE(last["sentence"].is_string());
}

TEST_F(Tool, InputErrorsAreOneAndSayWhere) {
  const Result r = run({"replay"}, lines(1, 1) + "{\"time\":");
  EXPECT_EQ(r.status, 1);
  EXPECT_THAT(r.err, HasSubstr("sluice-judge: standard input, line 3:"));
  const Result missing = run({"replay", "/nonexistent/ticks.jsonl"});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.err, HasSubstr("/nonexistent/ticks.jsonl: cannot be opened"));
  EXPECT_THAT(run({"replay", "--slo", "latency"}, lines(1, 1)).err,
              HasSubstr("field slo is \"errors\", which is not one of latency (--slo)"));
  EXPECT_THAT(run({"replay", "--false-rollback", "0.01"}, lines(1, 1)).err, HasSubstr("--false-rollback"));
  EXPECT_THAT(run({"replay"}, "").out, HasSubstr("nothing was judged"));
}

TEST_F(Tool, BaselineAgainstBaselineFindsNoHarm) {
  serve(10, 60);
  const Result r = run(from_prometheus({"--selector", R"(namespace="shop",pod=~"web-a-.*")", "--window", "20m", "--json"}));
  ASSERT_EQ(r.status, 0) << r.err;
  const json root = json::parse(r.out);
  EXPECT_EQ(root["replay"]["windows"], 3);
  EXPECT_EQ(root["replay"]["draws"], 12);
  EXPECT_EQ(root["replay"]["falseRollbacks"], 0);
  EXPECT_EQ(url, "http://prometheus:9090");
  EXPECT_EQ(fake->requests.front().target, "/prefix/api/v1/query");
  const Result words = run(from_prometheus({"--selector", R"(namespace="shop",pod=~"web-a-.*")", "--window", "20m"}));
  EXPECT_THAT(words.out, AllOf(HasSubstr("3 windows of 20m"), HasSubstr("False rollbacks: 0 of 12 (0%)")));
}

TEST_F(Tool, AQuirkyPodIsShownWithItsSentence) {
  serve(4, 60, "web-a-2");
  const Result r = run(from_prometheus({"--selector", R"(namespace="shop",pod=~"web-a-.*")", "--window", "20m", "--draws", "8"}));
  ASSERT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out, AllOf(Not(HasSubstr("False rollbacks: 0 of")), HasSubstr("canary web-a-2"), HasSubstr("FAIL errors")));
}

TEST_F(Tool, CalibrationNeedsWindowsAndRemovesTheAlarms) {
  serve(4, 60, "web-a-2");
  const std::vector<std::string> common{"--selector", R"(namespace="shop",pod=~"web-a-.*")", "--calibrate", "--tick", "15s"};
  auto few = common, many = common;
  few.insert(few.end(), {"--window", "20m"});
  many.insert(many.end(), {"--window", "5m", "--draws", "1", "--json"});
  const Result refused = run(from_prometheus(few));
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("--calibrate"));
  serve(4, 120, "web-a-2");
  std::vector<std::string> arguments = from_prometheus(many);
  arguments[6] = "2027-01-15T10:00:00Z";
  const Result r = run(arguments);
  ASSERT_EQ(r.status, 0) << r.err;
  const json root = json::parse(r.out);
  EXPECT_GE(root["calibration"]["windows"], 19);
  EXPECT_EQ(root["calibrated"]["falseRollbacks"], 0);
}

TEST_F(Tool, TwoPodSetsAreJudgedTickByTick) {
  serve(5, 60, "web-a-4");
  const Result r = run(from_prometheus(
      {"--selector", R"(namespace="shop",pod=~"web-a-[0-3]")", "--canary-selector", R"(namespace="shop",pod="web-a-4")", "--changes"}));
  ASSERT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out, AllOf(HasSubstr("FAIL errors: "), HasSubstr("End: Fail")));
  const Result both =
      run(from_prometheus({"--selector", R"(namespace="shop",pod=~"web-a-.*")", "--canary-selector", R"(namespace="shop",pod="web-a-4")"}));
  EXPECT_EQ(both.status, 1);
  EXPECT_THAT(both.err, HasSubstr("pod web-a-4 is in both arms"));
}

TEST_F(Tool, AnotherLabelMayTellPodsApart) {
  serve(6, 60, "", "kubernetes_pod_name");
  const std::vector<std::string> selector{"--selector", R"(namespace="shop")", "--window", "20m"};
  EXPECT_THAT(run(from_prometheus(selector)).err, HasSubstr("at least two pods"));
  auto labelled = selector;
  labelled.insert(labelled.end(), {"--pod-label", "kubernetes_pod_name"});
  EXPECT_EQ(run(from_prometheus(labelled)).status, 0);
}

TEST_F(Tool, WhatPrometheusSaysIsPassedOn) {
  fake->script([](const http::Request&, const std::string&) -> Expected<http::Response> {
    return fail(Error::Kind::Unavailable, "connection refused");
  });
  const Result down = run(from_prometheus({"--selector", R"(namespace="shop")"}));
  EXPECT_EQ(down.status, 1);
  EXPECT_THAT(down.err, HasSubstr("Prometheus: connection refused"));
  fake->script(nullptr);
  EXPECT_THAT(run(from_prometheus({"--selector", R"(namespace="shop")"})).err,
              HasSubstr("no series match http_request_duration_seconds_count{"));
  EXPECT_THAT(run(from_prometheus({"--selector", "rate(x[5m])"})).err, HasSubstr("--selector"));
  EXPECT_THAT(run(from_prometheus({})).err, HasSubstr("--selector is missing"));
  EXPECT_THAT(run({"replay", "--calibrate"}).err, HasSubstr("only for --from-prometheus"));
}

TEST_F(Tool, PlanSaysWhatIsPossibleAndWhatHelps) {
  const Result r = run({"plan", "--rps", "5", "--weight", "10%", "--ratio", "1.05,2,20"});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out,
              AllOf(HasSubstr("tolerated"), HasSubstr("(!)"), HasSubstr("A 20x regression (0.1% to 2%) is proven within 2h at 10% weight."),
                    HasSubstr("A 2x regression (0.1% to 0.2%) is typically NOT proven within 2h"), HasSubstr("Higher weight:"),
                    HasSubstr("Longer:"), HasSubstr("Looser:")));
  const json root = json::parse(run({"plan", "--rps", "5", "--weight", "10%", "--json"}).out);
  EXPECT_EQ(root["weights"][0]["regressions"][0]["withinMaxDuration"], false);
  EXPECT_TRUE(root["weights"][0]["regressions"][0]["advice"].is_array());
}

TEST_F(Tool, PlanOfADistributionTakesTheServicesOwnHistogram) {
  const std::vector<std::string> arguments{"plan",
                                           "--rps",
                                           "50",
                                           "--slo",
                                           "latency:slowdown=5%",
                                           "--weight",
                                           "10%",
                                           "--ratio",
                                           "1.02,1.5",
                                           "--buckets",
                                           R"({"0.1":60000,"0.25":67100,"0.5":67400,"+Inf":67500})"};
  const Result r = run(arguments);
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out, AllOf(HasSubstr("judged at 100ms (11.1111% of the baseline's requests take longer)"), HasSubstr("a slow-down of 5%"),
                           HasSubstr("A canary that takes 1.5x as long is proven within 2h"),
                           HasSubstr("A canary that takes 1.02x as long is never proven.")));
  auto as_json = arguments;
  as_json.push_back("--json");
  const json root = json::parse(run(as_json).out);
  EXPECT_TRUE(root["base"].is_null());
  EXPECT_EQ(root["bounds"][0]["seconds"], 0.1);
  EXPECT_LT(root["weights"][0]["regressions"][1]["seconds"], 7'200);
}

TEST_F(Tool, PlanRefusesWhatMakesNoSense) {
  const auto error = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "plan");
    const Result r = run(arguments);
    EXPECT_EQ(r.status, 1);
    return r.err;
  };
  EXPECT_THAT(error({"--rps", "0"}), HasSubstr("--rps is 0"));
  EXPECT_THAT(error({"--rps", "nan"}), HasSubstr("--rps is nan"));
  EXPECT_THAT(error({"--rps", "5", "--weight", "100%"}), HasSubstr("--weight is 100%"));
  EXPECT_THAT(error({"--rps", "5", "--base", "0%"}), HasSubstr("--base is 0%"));
  EXPECT_THAT(error({"--rps", "5", "--ratio", "1"}), HasSubstr("--ratio is 1"));
  EXPECT_THAT(error({"--rps", "5", "--slo", "latency:slowdown=5%"}), HasSubstr("needs --buckets"));
  EXPECT_THAT(error({"--rps", "5", "--buckets", R"({"+Inf":5})"}), HasSubstr("add --slo latency:slowdown=5%"));
  const auto buckets = [&](const char* text) { return error({"--rps", "5", "--slo", "latency:slowdown=5%", "--buckets", text}); };
  EXPECT_THAT(buckets("0.1:5"), HasSubstr("give a JSON object of cumulative counts"));
  EXPECT_THAT(buckets("[1]"), HasSubstr("--buckets: field buckets is [1]"));
  EXPECT_THAT(buckets(R"({"0.1":5})"), HasSubstr("it needs the bound"));
  EXPECT_THAT(buckets(R"({"0.1":5,"0.2":4,"+Inf":9})"), HasSubstr("4 requests of at most 0.2 s, but 5 of fewer"));
  EXPECT_THAT(buckets(R"({"0.1":5,"+Inf":6})"), HasSubstr("take a longer history"));
  EXPECT_THAT(error({"--rps", "5", "--max-duration", "forever"}), HasSubstr("--max-duration"));
  EXPECT_THAT(error({"--rps", "5", "--svg", "/nonexistent/x.svg"}), HasSubstr("cannot be written"));
}

}  // namespace
}  // namespace sluice::judge_tool
