#include "controller/judge_tool/tick_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

namespace sluice::judge_tool {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

std::string line(double time, const std::string& arm, double requests, double bad, const std::string& slo = "errors") {
  std::ostringstream out;
  out.precision(15);
  out << R"({"time":)" << time << R"(,"arm":")" << arm << R"(","slo":")" << slo << R"(","requests":)" << requests << R"(,"bad":)" << bad
      << "}\n";
  return out.str();
}

struct Read {
  std::vector<Tick> ticks;
  std::vector<std::string> notes;
  std::string error;
};

Read read(const std::string& text, const std::vector<std::string>& slos = {}) {
  std::istringstream in(text);
  std::vector<SloOption> options;
  for (const std::string& slo : slos) options.push_back(*parse_slo_option(slo));
  TickReader reader(in, "ticks.jsonl", options);
  Read result;
  while (true) {
    auto tick = reader.next();
    if (!tick) {
      result.error = tick.error().message;
      return result;
    }
    if (!*tick) break;
    result.ticks.push_back(**std::move(tick));
  }
  result.notes = reader.notes();
  return result;
}

TEST(TickReader, LinesOfOneTimeAreOneTick) {
  const Read r = read(line(100, "canary", 75, 1) + line(100, "baseline", 675, 2) + "\n  \r\n" + line(115, "baseline", 600, 0) +
                      line(115, "canary", 70, 0));
  EXPECT_EQ(r.error, "");
  ASSERT_EQ(r.ticks.size(), 2u);
  EXPECT_EQ(r.ticks[0].at, from_unix_seconds(100));
  EXPECT_EQ(r.ticks[0].slos[0].canary, (judge::Counts{75, 1}));
  EXPECT_EQ(r.ticks[1].slos[0].baseline, (judge::Counts{600, 0}));
}

TEST(TickReader, TimesAreRfc3339OrUnixSeconds) {
  const Read r = read(R"({"time":"2026-11-23T12:00:15Z","arm":"canary","slo":"e","requests":1,"bad":0})"
                      "\n"
                      R"({"time":"2026-11-23T13:00:15+01:00","arm":"baseline","slo":"e","requests":1,"bad":0})"
                      "\n");
  EXPECT_EQ(r.error, "");
  ASSERT_EQ(r.ticks.size(), 1u);
  EXPECT_TRUE(r.ticks[0].slos[0].present);
}

TEST(TickReader, AMissingArmOrNullIsNoData) {
  const Read r = read(line(100, "canary", 75, 1) + line(115, "baseline", 600, 0) +
                      R"({"time":115,"arm":"canary","slo":"errors","requests":null})"
                      "\n" +
                      line(130, "canary", 0, 0) + line(130, "baseline", 5, 0));
  EXPECT_EQ(r.error, "");
  ASSERT_EQ(r.ticks.size(), 3u);
  EXPECT_FALSE(r.ticks[0].slos[0].present);
  EXPECT_FALSE(r.ticks[1].slos[0].present);
  EXPECT_TRUE(r.ticks[2].slos[0].present) << "no requests is not no data";
}

TEST(TickReader, BucketsAreCutAtTheThreshold) {
  const std::string text = R"({"time":1,"arm":"canary","slo":"latency","buckets":{"0.1":60,"0.25":70,"1":74,"+Inf":75}})"
                           "\n"
                           R"({"time":1,"arm":"baseline","slo":"latency","requests":675,"buckets":{"0.1":600,"0.25":671}})"
                           "\n";
  const Read r = read(text, {"latency:threshold=250ms"});
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.ticks.at(0).slos[0].canary, (judge::Counts{75, 5}));
  EXPECT_EQ(r.ticks.at(0).slos[0].baseline, (judge::Counts{675, 4}));
  EXPECT_THAT(r.notes, testing::IsEmpty());
  EXPECT_THAT(read(text, {"latency:threshold=300ms"}).notes, Contains("latency: the nearest bucket bound 0.25 s is used for 300ms"));
  EXPECT_THAT(read(text).error, HasSubstr("line 1: slo latency has buckets and no threshold"));
  EXPECT_THAT(read(text, {"latency:threshold=900ms"}).error, HasSubstr("line 2: field buckets lacks the bound 1"));
}

TEST(TickReader, ADistributionLearnsItsBoundsFromTheFirstTicks) {
  std::string text;
  for (int t = 1; t <= 15; ++t)
    for (const char* arm : {"canary", "baseline"})
      text += R"({"time":)" + std::to_string(15 * t) + R"(,"arm":")" + arm +
              R"(","slo":"latency","buckets":{"0.1":500,"0.25":900,"1":990,"+Inf":1000}})"
              "\n";
  const Read r = read(text, {"latency:slowdown=5%"});
  EXPECT_EQ(r.error, "");
  ASSERT_EQ(r.ticks.size(), 5u);
  EXPECT_EQ(r.ticks[0].slos[0].canary.total, 1000);
  EXPECT_EQ(r.ticks[0].slos[0].canary_above[0], 500);
  EXPECT_EQ(r.ticks[0].slos[0].canary_above[1], 100);
  EXPECT_EQ(r.ticks[0].slos[0].baseline_above[2], 10);
  EXPECT_THAT(r.notes, Contains("the baseline of the first 10 ticks chose the latency bounds; they were not judged"));
  EXPECT_THAT(read(text.substr(0, text.find(R"({"time":75)")), {"latency:slowdown=5%"}).error,
              HasSubstr("ends before latency bounds could be chosen"));
  EXPECT_THAT(read(text + R"({"time":900,"arm":"canary","slo":"latency","buckets":{"0.1":5,"+Inf":10}})"
                          "\n",
                   {"latency:slowdown=5%"})
                  .error,
              HasSubstr("lacks the bound 0.25"));
}

TEST(TickReader, ErrorsNameFileLineFieldValueAndCure) {
  const auto error = [](const std::string& second) { return read(line(100, "canary", 75, 1) + second + "\n").error; };
  const auto with = [&](const std::string& fields) { return error(R"({"time":115,"arm":"canary","slo":"errors",)" + fields + "}"); };
  EXPECT_THAT(with(R"("requests":-3,"bad":0)"), AllOf(HasSubstr("ticks.jsonl, line 2: field requests is -3"), HasSubstr("0 or more")));
  EXPECT_THAT(with(R"("requests":NaN,"bad":0)"), AllOf(HasSubstr("line 2: "), HasSubstr("JSON knows no NaN")));
  EXPECT_THAT(with(R"("requests":1e999,"bad":0)"), HasSubstr("line 2: "));
  EXPECT_THAT(with(R"("requests":1e16,"bad":0)"), HasSubstr("field requests is 1e+16"));
  EXPECT_THAT(with(R"("requests":"75","bad":0)"), HasSubstr("field requests is \"75\""));
  EXPECT_THAT(with(R"("requests":10,"bad":11)"), HasSubstr("field bad is 11: it cannot be more than the 10 requests"));
  EXPECT_THAT(with(R"("requests":10)"), HasSubstr("fields bad and buckets are both missing"));
  EXPECT_THAT(with(R"("requests":10,"bad":1,"buckets":{})"), HasSubstr("are both there"));
  EXPECT_THAT(with(R"("request":10,"bad":1)"), HasSubstr("field request is not known"));
  EXPECT_THAT(with(R"("requests":10,"buckets":{"0.1":5,"0.2":4})"), HasSubstr("counts are cumulative"));
  EXPECT_THAT(with(R"("requests":10,"buckets":{"0.1":11})"), HasSubstr("10 in all"));
  EXPECT_THAT(with(R"("requests":10,"buckets":{"+Inf":11,"0.1":1})"), HasSubstr("buckets.+Inf is 11"));
  EXPECT_THAT(with(R"("requests":10,"buckets":{"x":1})"), HasSubstr("has the bound \"x\""));
  EXPECT_THAT(with(R"("buckets":{"0.1":1})"), HasSubstr("needs the bound \"+Inf\""));
  EXPECT_THAT(error(R"({"time":"noon","arm":"canary","slo":"errors","requests":1,"bad":0})"), HasSubstr("field time is \"noon\""));
  EXPECT_THAT(error(R"({"time":115,"arm":"control","slo":"errors","requests":1,"bad":0})"), HasSubstr("field arm is \"control\""));
  EXPECT_THAT(error(R"({"time":115,"arm":"canary","requests":1,"bad":0})"), HasSubstr("field slo is missing"));
  EXPECT_THAT(error(R"({"time":115,"arm":"canary","slo":"latency","requests":1,"bad":0})"),
              HasSubstr("field slo is \"latency\", which is not one of errors"));
  EXPECT_THAT(error("[1,2]"), HasSubstr("is not a JSON object"));
  EXPECT_THAT(error(line(90, "canary", 1, 0)), HasSubstr("before 1970-01-01T00:01:40Z of the line above: sort the lines"));
  EXPECT_THAT(error(line(100, "canary", 1, 0)), HasSubstr("was told in line 1 already"));
}

TEST(TickReader, ATornLastLineIsCalledThat) {
  const Read r = read(line(100, "canary", 75, 1) + R"({"time":115,"arm":"can)");
  EXPECT_THAT(r.error, AllOf(HasSubstr("ticks.jsonl, line 2: "), HasSubstr("the last line is torn")));
}

TEST(TickReader, FortyMegabytesWithoutANewlineCostOneMessage) {
  const Read r = read(line(100, "canary", 75, 1) + "{\"time\":" + std::string(40'000'000, '1'));
  EXPECT_THAT(r.error, HasSubstr("ticks.jsonl, line 2: longer than 1048576 bytes"));
  EXPECT_LT(r.error.size(), 300u);
}

TEST(TickReader, TerminalsAreSafeFromNamesAndValues) {
  for (const char* hostile :
       {R"({"time":115,"arm":"canary","slo":"\u001b[2J","requests":1,"bad":0})",
        R"({"time":"\u001b[2J","arm":"canary","slo":"e","requests":1,"bad":0})", "\x1b[2J\x07", R"({"\u001b]0;x\u0007":1})",
        R"({"time":1,"arm":"canary","slo":"e","requests":1,"buckets":{"\u001b[2J":1}})"}) {
    const std::string error = read(std::string(hostile) + "\n").error;
    EXPECT_FALSE(error.empty()) << hostile;
    for (const char c : error) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << hostile;
  }
}

TEST(TickReader, NoDamagedLineCrashes) {
  std::mt19937 random(1);
  const std::string good = line(100, "canary", 75, 1) +
                           R"({"time":100,"arm":"baseline","slo":"errors","requests":75,"buckets":{"0.1":60,"+Inf":75}})"
                           "\n" +
                           line(115, "canary", 7, 1);
  for (int i = 0; i < 5'000; ++i) {
    std::string damaged = good;
    for (unsigned k = 0; k <= random() % 4; ++k) damaged[random() % damaged.size()] = "[]{}\",:0-e.\\\n\0\xff"[random() % 15];
    if (random() % 4 == 0) damaged.resize(random() % damaged.size());
    const Read r = read(damaged);
    for (const Tick& tick : r.ticks)
      for (const judge::SloTick& slo : tick.slos) EXPECT_TRUE(slo.canary.valid() && slo.baseline.valid());
  }
  EXPECT_FALSE(read(std::string(900'000, '[') + "\n").error.empty());
}

TEST(TickReader, NothingIsNothing) {
  EXPECT_EQ(read("").error, "");
  EXPECT_TRUE(read("\n\n").ticks.empty());
}

}  // namespace
}  // namespace sluice::judge_tool
