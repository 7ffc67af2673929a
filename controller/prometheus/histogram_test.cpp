#include "controller/prometheus/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>

namespace sluice::prometheus {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;

const Time kStart = Time(Duration(1'800'000'000'000));
Time at(double s) { return kStart + Duration(static_cast<long long>(s * 1000)); }

Labels pod(const std::string& name) { return {{"job", "web"}, {"instance", name + ":80"}, {"pod", name}, {"status", "200"}}; }

// A classic histogram: per scrape the cumulative counts of the bounds.
std::vector<Series> classic(const std::string& name, const std::vector<std::string>& bounds,
                            const std::vector<std::pair<double, std::vector<double>>>& scrapes) {
  std::vector<Series> all;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    Series s{pod(name), {}, {}};
    s.labels["le"] = bounds[i];
    for (const auto& [t, counts] : scrapes) s.points.push_back({at(t), counts[i]});
    all.push_back(std::move(s));
  }
  return all;
}

// Bucket j of a schema: (2^((j-1)*2^-schema), 2^(j*2^-schema)].
NativeBucket bucket(int schema, int j, double count) {
  const double width = std::exp2(-schema);
  return {std::exp2((j - 1) * width), std::exp2(j * width), count};
}

TEST(Histogram, ClassicBucketsCountWhatTookLonger) {
  const auto series = classic("a", {"0.1", "0.25", "+Inf"}, {{0, {5, 8, 10}}, {15, {6, 12, 20}}, {30, {6, 12, 24}}});
  EXPECT_THAT(bounds_of(series), ElementsAre(0.1, 0.25));
  const auto ticks = histogram_increments(series, {0.1, 0.25}, {at(0), at(15), at(30)}, {});
  ASSERT_EQ(ticks.size(), 2u);
  EXPECT_EQ(ticks[0].total, 10);
  EXPECT_THAT(ticks[0].above, ElementsAre(9, 6));
  EXPECT_EQ(ticks[0].pods.at("a"), (judge::Counts{10, 6}));
  EXPECT_THAT(ticks[1].above, ElementsAre(4, 4));
  EXPECT_EQ(ticks[1].spacing, 15);
}

TEST(Histogram, AResetIsOneOfTheWholeHistogram) {
  // After the restart the slow bucket grew past its old value; the count alone shows the reset.
  const auto series = classic("a", {"0.1", "+Inf"}, {{0, {2, 100}}, {15, {50, 90}}});
  const auto tick = histogram_increments(series, {0.1}, {at(0), at(15)}, {}).front();
  EXPECT_EQ(tick.total, 90);
  EXPECT_THAT(tick.above, ElementsAre(40));
  EXPECT_EQ(tick.resets, 1);
}

TEST(Histogram, AScrapeThatOneBucketLacksIsNotUsed) {
  auto series = classic("a", {"0.1", "+Inf"}, {{0, {0, 0}}, {15, {5, 10}}, {30, {10, 30}}});
  series[0].points.erase(series[0].points.begin() + 1);
  const auto ticks = histogram_increments(series, {0.1}, {at(0), at(15), at(30)}, {});
  EXPECT_FALSE(ticks[0].seen);
  EXPECT_EQ(ticks[1].total, 30);
  EXPECT_THAT(ticks[1].above, ElementsAre(20));
}

TEST(Histogram, OnlyBoundsThatAllHaveAreUsedAndAStrangerIsLeftOut) {
  auto series = classic("a", {"0.1", "0.25", "+Inf"}, {{0, {0, 0, 0}}, {15, {1, 2, 3}}});
  const auto other = classic("b", {"0.25", "1", "+Inf"}, {{0, {0, 0, 0}}, {15, {4, 5, 6}}});
  series.insert(series.end(), other.begin(), other.end());
  EXPECT_THAT(bounds_of(series), ElementsAre(0.25));
  EXPECT_EQ(histogram_increments(series, {0.25}, {at(0), at(15)}, {}).front().total, 9);
  const auto tick = histogram_increments(series, {0.1}, {at(0), at(15)}, {}).front();
  EXPECT_EQ(tick.total, 3);
  EXPECT_EQ(tick.incomplete, 1);
}

TEST(Histogram, NativeBucketsOfTwoSchemasShareTheCoarserBounds) {
  Series fine{pod("a"), {}, {}}, coarse{pod("b"), {}, {}};
  fine.histograms = {{at(0), 0, {}}, {at(15), 10, {bucket(3, -8, 4), bucket(3, -7, 1), bucket(3, 1, 5)}}};
  coarse.histograms = {{at(0), 0, {}}, {at(15), 6, {bucket(0, 0, 2), bucket(0, 1, 4)}}};
  EXPECT_THAT(bounds_of({fine, coarse}), ElementsAre(DoubleNear(0.5, 1e-12), DoubleNear(1, 1e-12), DoubleNear(2, 1e-12)));
  const auto tick = histogram_increments({fine, coarse}, {0.5, 1, 2}, {at(0), at(15)}, {}).front();
  EXPECT_EQ(tick.total, 16);
  EXPECT_THAT(tick.above, ElementsAre(6 + 6, 5 + 4, 0)) << "2^(-8/8) is 0.5: the fine histogram's 4 are at most that";
  EXPECT_NEAR(*native_bound({fine, coarse}, 0.6), 0.5, 1e-12);
  EXPECT_NEAR(*native_bound({fine}, 0.6), std::exp2(-6.0 / 8), 1e-12);
}

TEST(Histogram, ASchemaThatIsLoweredInMidRunLosesNothing) {
  Series s{pod("a"), {}, {}};
  s.histograms = {{at(0), 10, {bucket(3, -8, 4), bucket(3, 1, 6)}}, {at(15), 13, {bucket(0, -1, 4), bucket(0, 0, 1), bucket(0, 1, 8)}}};
  const auto tick = histogram_increments({s}, {0.5, 1}, {at(0), at(15)}, {}).front();
  EXPECT_EQ(tick.total, 3);
  EXPECT_THAT(tick.above, ElementsAre(3, 2));
  EXPECT_EQ(tick.resets, 0);
}

TEST(Histogram, ASchemaTooCoarseForABoundGivesNoData) {
  Series s{pod("a"), {}, {}};
  s.histograms = {{at(0), 0, {}}, {at(15), 6, {bucket(0, 0, 6)}}};  // all between 0.5 and 1
  const auto tick = histogram_increments({s}, {0.75}, {at(5), at(15)}, {}).front();
  EXPECT_FALSE(tick.seen);
  EXPECT_EQ(tick.incomplete, 1);
}

TEST(Histogram, TheZeroBucketIsFastAndNaNCountsAreNoInformation) {
  Series s{pod("a"), {}, {}};
  s.histograms = {{at(0), 0, {}}, {at(10), std::nan(""), {}}, {at(15), 5, {{-1e-9, 1e-9, 3}, bucket(0, 1, 2)}}};
  const auto tick = histogram_increments({s}, {1}, {at(0), at(15)}, {}).front();
  EXPECT_EQ(tick.total, 5);
  EXPECT_THAT(tick.above, ElementsAre(2));
}

TEST(Histogram, NothingAndMixturesHaveNoBounds) {
  EXPECT_THAT(bounds_of({}), IsEmpty());
  Series native{pod("a"), {}, {{at(0), 1, {bucket(0, 1, 1)}}}};
  auto mixed = classic("b", {"0.1", "+Inf"}, {{0, {0, 0}}});
  mixed.push_back(native);
  EXPECT_THAT(bounds_of(mixed), IsEmpty());
  EXPECT_FALSE(native_bound(classic("b", {"0.1"}, {{0, {0}}}), 0.1));
  EXPECT_FALSE(histogram_increments({}, {0.1}, {at(0), at(15)}, {}).front().seen);
}

TEST(Histogram, WarmUpAndANewbornFollowTheRulesOfCounters) {
  auto series = classic("cold", {"0.1", "+Inf"}, {{0, {0, 0}}, {15, {10, 50}}, {30, {20, 80}}});
  auto born = classic("cold", {"0.1", "+Inf"}, {{30, {1, 3}}});
  for (Series& s : born) s.labels["status"] = "500";
  series.insert(series.end(), born.begin(), born.end());
  Pods pods;
  pods.warm_until["cold"] = at(15);
  pods.expected = {"cold", "missing"};
  const auto ticks = histogram_increments(series, {0.1}, {at(0), at(15), at(30)}, pods);
  EXPECT_EQ(ticks[0].total, 0);
  EXPECT_TRUE(ticks[0].seen);
  EXPECT_EQ(ticks[1].total, 30 + 3);
  EXPECT_THAT(ticks[1].above, ElementsAre(20 + 2));
  EXPECT_DOUBLE_EQ(ticks[1].coverage, 0.5);
}

}  // namespace
}  // namespace sluice::prometheus
