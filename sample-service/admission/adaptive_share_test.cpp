#include "sample-service/admission/adaptive_share.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>
#include <vector>

#include <gtest/gtest.h>

namespace courier {
namespace {

constexpr Duration kTarget{20};

TEST(AdaptiveShare, ALineThatStandsCutsItEachInterval) {
  AdaptiveShare share(kTarget);
  EXPECT_FALSE(share.observe(Duration(0), Duration(50)));
  EXPECT_FALSE(share.observe(Duration(99), Duration(50)));
  EXPECT_DOUBLE_EQ(*share.observe(Duration(100), Duration(50)), AdaptiveShare::kCut);
  EXPECT_FALSE(share.observe(Duration(150), Duration(50)));
  EXPECT_DOUBLE_EQ(*share.observe(Duration(200), Duration(21)), AdaptiveShare::kCut * AdaptiveShare::kCut);
}

TEST(AdaptiveShare, ABurstIsNoLine) {
  AdaptiveShare share(kTarget);
  for (int at = 0; at < 5'000; at += 10) EXPECT_FALSE(share.observe(Duration(at), Duration(at % 100 == 50 ? 0 : 400))) << at;
}

TEST(AdaptiveShare, ItGrowsAgainInQuietTimesTooButNeverAboveAllOfIt) {
  AdaptiveShare share(kTarget);
  for (int at = 0; at <= 300; at += 100) share.observe(Duration(at), Duration(50));
  const double low = std::pow(AdaptiveShare::kCut, 3);
  EXPECT_NEAR(*share.observe(Duration(400), Duration(20)), low * AdaptiveShare::kGrow, 1e-12);
  EXPECT_NEAR(*share.observe(Duration(1'400), Duration(0)), low * std::pow(AdaptiveShare::kGrow, 11), 1e-12);
  EXPECT_DOUBLE_EQ(*share.observe(Duration(90'000), Duration(0)), 1);
  EXPECT_FALSE(share.observe(Duration(100'000), Duration(0)));
}

TEST(AdaptiveShare, ItNeverEndsUpWithNothing) {
  AdaptiveShare share(kTarget);
  double last = 1;
  for (int at = 0; at < 100'000; at += 100) last = share.observe(Duration(at), Duration(1'000)).value_or(last);
  EXPECT_DOUBLE_EQ(last, AdaptiveShare::kLeast);
}

// Five times as much as six connections of 50 ms can do, behind a ceiling of 64, in virtual time.
struct Overload {
  static constexpr int kServers = 6;
  static constexpr double kCeiling = 64;
  static constexpr int kService = 50, kApart = 2;  // ms, the service a little more each other time: 119 a second can be done of 500
  int done = 0;
  std::vector<int> took{};  // ms, of what was done after the first second

  explicit Overload(bool adaptive) {
    AdaptiveShare share(kTarget);
    double limit = kCeiling;
    std::deque<int> line;
    std::priority_queue<int, std::vector<int>, std::greater<>> busy;  // when each ends
    for (int now = 0; now < 20'000; ++now) {
      while (!busy.empty() && busy.top() <= now) {
        busy.pop();
        ++done;
      }
      if (now % kApart == 0 && static_cast<double>(line.size() + busy.size()) < limit) line.push_back(now);
      while (!line.empty() && busy.size() < kServers) {
        const int waited = now - line.front();
        if (line.front() >= 1'000) took.push_back(waited + kService);
        line.pop_front();
        busy.push(now + kService + static_cast<int>(took.size() % 2));
        const auto changed = share.observe(Duration(now), Duration(waited));
        if (adaptive && changed) limit = std::max<double>(kServers, *changed * kCeiling);
      }
    }
    std::sort(took.begin(), took.end());
  }
  int p99() const { return took.at(took.size() * 99 / 100); }
};

TEST(AdaptiveShare, UnderOverloadWhatIsTakenIsAnsweredSoonAndNothingIsLostByIt) {
  const Overload fixed(false);
  const Overload adaptive(true);
  EXPECT_GT(fixed.p99(), 450) << "a ceiling that was not tuned makes everybody wait";
  EXPECT_LT(adaptive.p99(), 125) << "2.5 times the service time";
  EXPECT_GE(adaptive.done, fixed.done * 95 / 100);
}

}  // namespace
}  // namespace courier
