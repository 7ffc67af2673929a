// What the judge is fed with: what one tick brought, per SLO and arm, as raw counter increments or as values of gauges.
//
// Everything has a fixed size, so that a tick can be filled and judged without allocation.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

namespace sluice::judge {

// Requests of one arm in one tick. Valid: 0 <= bad <= total <= kMaxCount, both finite (they need not be whole numbers).
struct Counts {
  double total = 0;
  double bad = 0;

  static constexpr double kMaxCount = 1e15;  // far above any counter's increment, far below where doubles lose units

  bool valid() const { return std::isfinite(total) && bad >= 0 && bad <= total && total <= kMaxCount; }
  double ratio() const { return total > 0 ? bad / total : 0; }
  Counts& operator+=(const Counts& other) {
    total += other.total;
    bad += other.bad;
    return *this;
  }
  friend bool operator==(const Counts&, const Counts&) = default;
};

// Most latency bounds that one SLO is judged at (plan.h).
inline constexpr int kMaxBounds = 7;
// Requests of one arm that took longer than each bound, in the order of SloPlan::bounds; the rest is ignored.
using Above = std::array<double, kMaxBounds>;

// A gauge without a value in this tick. Infinite values and NaN mean the same: no information, never failure.
inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

// Bad requests of one canary pod. `pod` is pod_id() of its name; 0 is an empty entry.
struct PodBad {
  int pod = 0;
  double bad = 0;
  friend bool operator==(const PodBad&, const PodBad&) = default;
};
inline constexpr int kPodsPerTick = 4;

// 1 ... 2^31-1, the same in every release (FNV-1a): a name of fixed size, for showing only.
constexpr int pod_id(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  const int id = static_cast<int>(hash & 0x7fffffffu);
  return id == 0 ? 1 : id;
}

// One SLO in one tick. Both arms must have been counted over the same stretch of time: pairing within the tick is what
// makes drift, common outages and a changing weight cancel.
struct SloTick {
  Counts canary;
  Counts baseline;
  bool present = true;  // false: no data (outage, no series, NaN); the counts are ignored, coverage goes down
  int bridges = 0;      // earlier ticks without data whose requests these increments include (recovery from an outage)

  Above canary_above{};  // LatencyDistribution: instead of Counts::bad, which is ignored there
  Above baseline_above{};
  double canary_value = kNoValue;  // Gauge and GaugeComparison: the value; counts are ignored there
  double baseline_value = kNoValue;

  int canary_pods = 0;  // pods behind each arm in this tick; 0: unknown. Used with a calibrated spread between pods only.
  int baseline_pods = 0;
  std::array<PodBad, kPodsPerTick> worst_pods{};  // the canary pods with the most bad requests, if known; for the sentence only
};

}  // namespace sluice::judge
