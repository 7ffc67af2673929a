#include "controller/prometheus/sampling.h"

#include <gtest/gtest.h>
#include <cmath>
#include <random>

namespace sluice::prometheus {
namespace {

using namespace std::chrono_literals;

const Time kStart = Time(Duration(1'800'000'000'000));
Time at(double s) { return kStart + Duration(static_cast<long long>(s * 1000)); }

Series series(const std::string& pod, std::vector<std::pair<double, double>> points, const std::string& status = "200") {
  Series s{{{"job", "web"}, {"instance", pod + ":80"}, {"pod", pod}, {"status", status}}, {}};
  for (const auto& [t, v] : points) s.points.push_back({at(t), v});
  return s;
}

ArmIncrements count(const std::vector<Series>& total, const std::vector<Series>& errors, double from, double to, const Pods& pods = {}) {
  return increments(total, errors, Part::Bad, {at(from), at(to)}, pods);
}

TEST(Sampling, IncrementsBelongToTheTickOfTheirLaterSample) {
  const std::vector<Series> total{series("a", {{0, 100}, {15, 110}, {30, 125}, {45, 145}})};
  EXPECT_EQ(count(total, {}, 15, 30).counts.total, 15);
  EXPECT_EQ(count(total, {}, 14.9, 29.9).counts.total, 10);
  EXPECT_EQ(count(total, {}, 0, 45).counts.total, 45);
  EXPECT_EQ(count(total, {}, 31, 44).counts.total, 0);
  EXPECT_FALSE(count(total, {}, 31, 44).seen);
  EXPECT_EQ(count(total, {}, 0, 45).spacing, 15);
}

TEST(Sampling, TicksInARowCountEveryRequestOnce) {
  std::mt19937 random(1);
  for (int run = 0; run < 200; ++run) {
    Series s = series("a", {});
    double t = 0, value = 0;
    while (t < 300) {
      t += 5 + static_cast<double>(random() % 2000) / 100;
      value += random() % 50;
      s.points.push_back({at(t), value});
    }
    const double first = s.points.front().value;
    double sum = 0;
    for (double from = 0; from < 330; from += 15) sum += count({s}, {}, from, from + 15).counts.total;
    EXPECT_EQ(sum, value - first);
  }
}

TEST(Sampling, AResetCountsFromZeroAndIsNoted) {
  const auto inc = count({series("a", {{0, 100}, {15, 110}, {30, 4}, {45, 9}})}, {}, 0, 45);
  EXPECT_EQ(inc.counts.total, 10 + 4 + 5);
  EXPECT_EQ(inc.resets, 1);
}

TEST(Sampling, CountersOfOneHistogramAreResetTogetherAndThoseOfATargetAreNot) {
  // After the restart there were more fast requests than before it; only the count fell.
  const std::vector<Series> total{series("a", {{0, 100}, {15, 90}})}, fast{series("a", {{0, 5}, {15, 50}})};
  EXPECT_EQ(increments(total, fast, Part::Good, {at(0), at(15)}, {}).counts, (judge::Counts{90, 40}));
  // A proxy forgot one status code and kept the other.
  const std::vector<Series> all{series("a", {{0, 1000}, {15, 1010}}), series("a", {{0, 20}, {15, 1}}, "500")};
  EXPECT_EQ(count(all, {all[1]}, 0, 15).counts, (judge::Counts{11, 1}));
}

TEST(Sampling, TheFirstErrorOfAStatusCodeCounts) {
  const std::vector<Series> total{series("a", {{0, 100}, {15, 110}, {30, 120}}), series("a", {{30, 3}}, "500")};
  const auto inc = count(total, {total[1]}, 15, 30);
  EXPECT_EQ(inc.counts.total, 13);
  EXPECT_EQ(inc.counts.bad, 3);
}

TEST(Sampling, ATargetsFirstScrapeIsOnlyABase) {
  const std::vector<Series> total{series("new", {{20, 5000}, {35, 5010}})};
  EXPECT_EQ(count(total, {}, 15, 30).counts.total, 0);
  EXPECT_TRUE(count(total, {}, 15, 30).seen);
  EXPECT_EQ(count(total, {}, 30, 45).counts.total, 10);
  EXPECT_EQ(count(total, {}, 15, 45).counts.total, 10);
}

TEST(Sampling, ASeriesBornAfterItsTargetsFirstScrapeOfTheSameTickCounts) {
  const std::vector<Series> total{series("new", {{16, 10}, {21, 20}}), series("new", {{21, 2}}, "500")};
  const auto inc = count(total, {total[1]}, 15, 30);
  EXPECT_EQ(inc.counts.total, 12);
  EXPECT_EQ(inc.counts.bad, 2);
}

TEST(Sampling, PodsComeAndGo) {
  const std::vector<Series> total{series("gone", {{0, 10}, {15, 20}}), series("stays", {{1, 0}, {16, 7}, {31, 14}}),
                                  series("comes", {{28, 0}, {43, 30}})};
  EXPECT_EQ(count(total, {}, 0, 15).counts.total, 10);
  EXPECT_EQ(count(total, {}, 15, 30).counts.total, 7);
  EXPECT_EQ(count(total, {}, 30, 45).counts.total, 7 + 30);
}

TEST(Sampling, NaNInfinityDuplicatesAndDisorderChangeNothing) {
  const Series clean = series("a", {{0, 100}, {15, 110}, {30, 125}, {45, 145}});
  Series dirty =
      series("a", {{45, 145}, {0, 100}, {30, 125}, {30, 999}, {15, 110}, {20, std::nan("")}, {25, HUGE_VAL}, {26, -HUGE_VAL}, {27, -5}});
  for (double from : {-10.0, 0.0, 10.0, 15.0, 22.0, 30.0})
    EXPECT_EQ(count({dirty}, {}, from, from + 15).counts, count({clean}, {}, from, from + 15).counts) << from;
}

TEST(Sampling, WarmUpSamplesServeAsBaseOnly) {
  const std::vector<Series> total{series("cold", {{0, 0}, {15, 50}, {30, 80}, {45, 100}}), series("cold", {{15, 40}, {45, 41}}, "500")};
  Pods pods;
  pods.warm_until["cold"] = at(30);
  EXPECT_EQ(count(total, {total[1]}, 0, 15, pods).counts.total, 0);
  EXPECT_TRUE(count(total, {total[1]}, 0, 15, pods).seen);
  const auto warm = count(total, {total[1]}, 15, 45, pods);
  EXPECT_EQ(warm.counts.total, 20 + 1);
  EXPECT_EQ(warm.counts.bad, 1);
  EXPECT_EQ(count(total, {total[1]}, 15, 45).counts.total, 50 + 1) << "without warm-up all of it counts";
}

TEST(Sampling, CoverageIsTheShareOfExpectedPodsThatWereScraped) {
  Pods pods;
  pods.expected = {"a", "b", "c", "d"};
  const std::vector<Series> total{series("a", {{0, 1}, {15, 2}}), series("b", {{0, 1}}), series("c", {{15, 5}}),
                                  series("stranger", {{15, 5}})};
  EXPECT_DOUBLE_EQ(count(total, {}, 10, 20, pods).coverage, 0.5);
  EXPECT_DOUBLE_EQ(count(total, {}, 10, 20).coverage, 1);
  EXPECT_DOUBLE_EQ(count({}, {}, 10, 20).coverage, 0);
}

TEST(Sampling, ErrorsAheadOfTheirRequestsWaitForThem) {
  // The second query saw a scrape that the first one did not.
  const std::vector<Series> total{series("a", {{0, 100}, {15, 110}})};
  const std::vector<Series> errors{series("a", {{0, 1}, {15, 2}, {29, 9}}, "500")};
  EXPECT_EQ(count(total, errors, 0, 30).counts.bad, 1);
}

TEST(Sampling, ErrorsOfOtherTargetsCountAndAreNoted) {
  const auto inc = count({series("a", {{0, 100}, {15, 110}})}, {series("proxy", {{0, 1}, {15, 3}}, "500")}, 0, 15);
  EXPECT_EQ(inc.counts.bad, 2);
  EXPECT_TRUE(inc.foreign);
}

TEST(Sampling, BucketsCountTheGoodOnesAndATargetWithoutThemIsLeftOut) {
  const std::vector<Series> total{series("a", {{0, 100}, {15, 110}}), series("b", {{0, 0}, {15, 50}})};
  const std::vector<Series> fast{series("a", {{0, 90}, {15, 97}})};
  const auto inc = increments(total, fast, Part::Good, {at(0), at(15)}, {});
  EXPECT_EQ(inc.counts, (judge::Counts{10, 3}));
  EXPECT_EQ(inc.incomplete, 1);
  const auto none = increments(total, {}, Part::Good, {at(0), at(15)}, {});
  EXPECT_FALSE(none.seen) << "without buckets nothing is known, least of all that everything was slow";
  EXPECT_EQ(none.counts, judge::Counts{});
}

}  // namespace
}  // namespace sluice::prometheus
