#include "controller/judge/latency_bounds.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sluice::judge {
namespace {

constexpr std::array<double, kMaxBounds> kTargets{0.50, 0.25, 0.10, 0.05, 0.02, 0.01, 0.005};
constexpr double kLeastShare = 0.002, kLargestShare = 0.90;
constexpr double kLeastAbove = 10;  // requests above a bound: fewer say nothing about it
constexpr double kLeastTheta = 1.02;
constexpr double kHighestLimit = 0.97;  // tolerated share above a bound; beyond it nothing would be left to prove
constexpr double kHealthSlack = 1.5;    // promotion limit : tolerance, and of the odds
constexpr double kMaxTheta = 100;

Expected<void> check(const LatencyHistory& history) {
  const auto wrong = [](const std::string& what) {
    return fail(Error::Kind::Invalid, "latency history: " + what + ": give cumulative buckets of a histogram");
  };
  if (history.bounds.size() != history.above.size()) return wrong("as many counts as bounds are needed");
  if (!(history.total >= 0 && history.total <= Counts::kMaxCount)) return wrong("the number of requests is no number");
  double last_bound = 0, last_above = history.total;
  for (std::size_t i = 0; i < history.bounds.size(); ++i) {
    if (!(history.bounds[i] > last_bound) || !std::isfinite(history.bounds[i])) return wrong("bounds must be positive, finite and ascend");
    if (!(history.above[i] >= 0 && history.above[i] <= last_above)) return wrong("counts above the bounds must not grow");
    last_bound = history.bounds[i];
    last_above = history.above[i];
  }
  return {};
}

LatencyBound bound_at(const LatencyHistory& history, std::size_t i, double slowdown) {
  LatencyBound bound;
  bound.seconds = history.bounds[i];
  bound.share = history.above[i] / history.total;
  const double wanted = std::clamp(share_above(history, bound.seconds / (1 + slowdown)) / bound.share, kLeastTheta, kMaxTheta);
  bound.theta = std::max(kLeastTheta, std::min(wanted, kHighestLimit / bound.share));
  // Odds one and a half times as high, so that half of all requests may not become three quarters.
  const double odds = odds_multiple(bound.share, kHealthSlack) / bound.share;
  bound.health_theta = std::max(odds, 1 + kHealthSlack * (bound.theta - 1));
  return bound;
}

}  // namespace

double share_above(const LatencyHistory& history, double seconds) {
  const auto at = std::lower_bound(history.bounds.begin(), history.bounds.end(), seconds);
  if (at == history.bounds.end()) return history.above.empty() ? 0 : history.above.back() / history.total;
  const auto upper = static_cast<std::size_t>(at - history.bounds.begin());
  const double share = history.above[upper] / history.total;
  if (upper == 0) return share + (1 - share) * (1 - seconds / history.bounds[0]);
  const double before = history.above[upper - 1] / history.total;
  if (!(share > 0) || !(before > 0)) return share;
  const double part = std::log(history.bounds[upper] / seconds) / std::log(history.bounds[upper] / history.bounds[upper - 1]);
  return share * std::pow(before / share, part);
}

double native_bound(int schema, int index) { return std::exp2(std::ldexp(static_cast<double>(index), -schema)); }

NativeHistogram coarsened(const NativeHistogram& fine, int schema) {
  if (schema >= fine.schema) return fine;
  NativeHistogram coarse{schema, fine.zero_threshold, fine.zero_count, {}};
  const int shift = std::min(fine.schema - schema, 30);
  for (const auto& [index, count] : fine.buckets) {
    // Bucket i ends at base^i; the coarse one that holds it ends at the next multiple of 2^shift.
    const int into = -((-index) >> shift);
    if (!coarse.buckets.empty() && coarse.buckets.back().first == into) coarse.buckets.back().second += count;
    else coarse.buckets.emplace_back(into, count);
  }
  return coarse;
}

LatencyHistory history_of(const NativeHistogram& histogram) {
  LatencyHistory history;
  history.total = histogram.zero_count;
  for (const auto& bucket : histogram.buckets) history.total += bucket.second;
  double above = history.total - histogram.zero_count;
  for (const auto& [index, count] : histogram.buckets) {
    above = std::max(0.0, above - count);
    const double end = native_bound(histogram.schema, index);
    if (!std::isfinite(end) || end <= 0) continue;
    history.bounds.push_back(end);
    history.above.push_back(above);
  }
  return history;
}

std::optional<double> requests_above(const NativeHistogram& histogram, double seconds) {
  if (!(seconds > 0) || !std::isfinite(seconds)) return std::nullopt;
  const double index = std::ldexp(std::log2(seconds), histogram.schema);
  const double nearest = std::round(index);
  if (std::abs(index - nearest) > 1e-6 || seconds < histogram.zero_threshold) return std::nullopt;
  double above = 0;
  for (const auto& [at, count] : histogram.buckets)
    if (at > nearest) above += count;
  return above;
}

Expected<std::vector<LatencyBound>> choose_bounds(const LatencyHistory& history, double slowdown) {
  if (auto ok = check(history); !ok) return Unexpected(ok.error());
  if (!(slowdown >= 0 && slowdown <= 10))
    return fail(Error::Kind::Invalid, "tolerated slow-down is not within 0 to 10: give a share, such as 0.05");
  std::vector<std::size_t> usable;
  for (std::size_t i = 0; i < history.bounds.size(); ++i) {
    const double share = history.total > 0 ? history.above[i] / history.total : 0;
    if (share >= kLeastShare && share <= kLargestShare && history.above[i] >= kLeastAbove) usable.push_back(i);
  }
  if (usable.empty())
    return fail(Error::Kind::Invalid, "latency history of " + std::to_string(static_cast<long long>(history.total)) +
                                          " requests has no bound that 0.2 to 90% and at least 10 of them exceed: take a longer "
                                          "history, or finer buckets");
  std::vector<std::size_t> chosen = usable;
  if (usable.size() > kTargets.size()) {
    chosen.clear();
    for (const double target : kTargets) {
      const auto off = [&](std::size_t i) { return std::abs(std::log(history.above[i] / history.total / target)); };
      chosen.push_back(*std::min_element(usable.begin(), usable.end(), [&](std::size_t a, std::size_t b) { return off(a) < off(b); }));
    }
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  }
  std::vector<LatencyBound> bounds;
  for (const std::size_t i : chosen) bounds.push_back(bound_at(history, i, slowdown));
  return bounds;
}

}  // namespace sluice::judge
