// Random pods with restarts, failed scrapes, births, ends, repeated, reordered and impossible samples: every tick must count
// exactly the requests that the pods' processes know they had since the last scrape that saw them.
#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "controller/prometheus/histogram.h"
#include "controller/prometheus/sampling.h"

namespace sluice::prometheus {
namespace {

const Time kStart = Time(Duration(1'800'000'000'000));
Time at(long long ms) { return kStart + Duration(ms); }

// What one scrape found new, by the process' own books.
struct Found {
  Time at;
  std::string pod;
  double requests = 0, failed = 0, above_fast = 0, above_medium = 0;
};

struct World {
  std::vector<Series> requests, errors;  // status 200 and 500; errors is the part with 500
  std::vector<Series> buckets;           // 0.1, 0.25 and +Inf of the same requests
  std::vector<Found> truth;
  Pods pods;
};

struct Process {
  double ok = 0, failed = 0, fast = 0, medium = 0;  // medium: at most 0.25, the fast ones included
  double all() const { return ok + failed; }
};

int below(std::mt19937& random, int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }

void add_pod(World& world, std::mt19937& random, const std::string& pod) {
  const auto series = [&](const char* key, const char* value) {
    return Series{{{"job", "web"}, {"instance", pod + ":80"}, {"pod", pod}, {key, value}}, {}, {}};
  };
  Series ok = series("status", "200"), failed = series("status", "500");
  Series fast = series("le", "0.1"), medium = series("le", "0.25"), all = series("le", "+Inf");
  Process now, since;  // since: what the last scrape saw, nothing after a restart
  bool seen = false, has_failed = false;
  const long long end = below(random, 3) == 0 ? 500'000 : 900'000;
  const bool warms_up = below(random, 3) == 0;
  if (warms_up) world.pods.warm_until[pod] = at(200'000);
  for (long long t = below(random, 15'000) + (below(random, 3) == 0 ? 300'000 : 0); t < end; t += 14'000 + below(random, 2'000)) {
    // A restart shows as every counter falls below what was seen; one that cannot be seen by anybody is not made.
    if (since.ok > 1000 && (since.failed > 20 || !has_failed) && below(random, 6) == 0) {
      now = since = {};
      has_failed = false;
    }
    const double more = 100 + below(random, 100);
    const double errors = below(random, 3) == 0 ? below(random, 5) : 0;
    const double slow = below(random, static_cast<int>(more)), slower = below(random, static_cast<int>(slow) + 1);
    now.ok += more;
    now.failed += errors;
    now.fast += more + errors - slow;
    now.medium += more + errors - slower;
    if (below(random, 6) == 0) continue;  // the scrape failed: its requests wait for the next one
    if (now.failed > 0) has_failed = true;
    if (seen && !(warms_up && t <= 200'000)) {
      Found found{at(t), pod, now.all() - since.all(), now.failed - since.failed, 0, 0};
      found.above_fast = found.requests - (now.fast - since.fast);
      found.above_medium = found.requests - (now.medium - since.medium);
      world.truth.push_back(found);
    }
    ok.points.push_back({at(t), now.ok});
    if (has_failed) failed.points.push_back({at(t), now.failed});
    fast.points.push_back({at(t), now.fast});
    medium.points.push_back({at(t), now.medium});
    all.points.push_back({at(t), now.all()});
    since = now;
    seen = true;
  }
  for (const Series* s : {&ok, &failed})
    if (!s->points.empty()) world.requests.push_back(*s);
  if (!failed.points.empty()) world.errors.push_back(failed);
  for (const Series* s : {&fast, &medium, &all})
    if (!s->points.empty()) world.buckets.push_back(*s);
}

// What a network and a database may do to samples without changing what they say.
void disturb(std::vector<Series>& all, std::mt19937& random) {
  for (Series& s : all) {
    const std::vector<Point> clean = s.points;
    for (const Point& p : clean) {
      if (below(random, 4) == 0) s.points.push_back(p);
      const double nonsense[] = {std::nan(""), HUGE_VAL, -HUGE_VAL, -5};
      if (below(random, 8) == 0) s.points.push_back({p.at + Duration(1 + below(random, 5'000)), nonsense[below(random, 4)]});
    }
    std::shuffle(s.points.begin(), s.points.end(), random);
  }
  std::shuffle(all.begin(), all.end(), random);
}

TEST(SamplingProperty, EveryTickCountsWhatTheProcessesKnowTheyHad) {
  int checked = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    World world;
    for (int p = 0; p < 1 + below(random, 4); ++p) add_pod(world, random, "pod-" + std::to_string(p));
    for (auto* series : {&world.requests, &world.errors, &world.buckets}) disturb(*series, random);
    std::vector<Time> borders{at(-1000)};
    while (borders.back() < at(900'000)) borders.push_back(borders.back() + Duration(1 + below(random, 40'000)));

    const auto ticks = increments_by_tick(world.requests, world.errors, Part::Bad, borders, world.pods);
    const auto histogram = histogram_increments(world.buckets, {0.1, 0.25}, borders, world.pods);
    ASSERT_EQ(ticks.size(), borders.size() - 1);
    double sum = 0;
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      Found want{};
      std::map<std::string, judge::Counts> pods;
      for (const Found& found : world.truth) {
        if (found.at <= borders[i] || found.at > borders[i + 1]) continue;
        want.requests += found.requests;
        want.failed += found.failed;
        want.above_fast += found.above_fast;
        want.above_medium += found.above_medium;
        pods[found.pod] += judge::Counts{found.requests, found.failed};
      }
      ASSERT_EQ(ticks[i].counts, (judge::Counts{want.requests, want.failed})) << "seed " << seed << ", tick " << i;
      ASSERT_EQ(histogram[i].total, want.requests) << "seed " << seed << ", tick " << i;
      ASSERT_EQ(histogram[i].above, (std::vector<double>{want.above_fast, want.above_medium})) << "seed " << seed << ", tick " << i;
      for (const auto& [pod, counts] : pods) ASSERT_EQ(ticks[i].pods.at(pod), counts) << "seed " << seed << ", tick " << i;
      // One tick alone, as the operator asks for it, says the same.
      ASSERT_EQ(increments(world.requests, world.errors, Part::Bad, {borders[i], borders[i + 1]}, world.pods).counts, ticks[i].counts);
      sum += ticks[i].counts.total;
      ++checked;
    }
    for (const Found& found : world.truth) sum -= found.requests;
    EXPECT_EQ(sum, 0) << "all ticks together, seed " << seed;
  }
  EXPECT_GT(checked, 5'000);
}

TEST(SamplingProperty, ALatencyBoundAndTheWholeHistogramAgree) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    std::mt19937 random(seed);
    World world;
    for (int p = 0; p < 1 + below(random, 4); ++p) add_pod(world, random, "pod-" + std::to_string(p));
    std::vector<Series> total, part;
    for (Series s : world.buckets) {
      if (s.labels.at("le") == "0.1") part.push_back(s);
      if (s.labels.at("le") != "+Inf") continue;
      s.labels.erase("le");  // the _count of the same histogram
      total.push_back(s);
    }
    std::vector<Time> borders;
    for (int i = 0; i <= 60; ++i) borders.push_back(at(15'000 * i));
    const auto one = increments_by_tick(total, part, Part::Good, borders, world.pods);
    const auto whole = histogram_increments(world.buckets, {0.1}, borders, world.pods);
    for (std::size_t i = 0; i < one.size(); ++i)
      ASSERT_EQ(one[i].counts, (judge::Counts{whole[i].total, whole[i].above.front()})) << "seed " << seed << ", tick " << i;
  }
}

}  // namespace
}  // namespace sluice::prometheus
