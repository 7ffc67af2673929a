#include "controller/judge/e_process.h"

#include <algorithm>
#include <cmath>

namespace sluice::judge {
namespace {

constexpr double kFirstStart = 0.6;  // prior share of "bad from the first tick on"; the rest is spread evenly

struct Grid {
  std::array<double, HarmProcess::kEffects> odds{};
  std::array<double, HarmProcess::kEffects> log_weight{};
};

// Odds multiples 1.3 ... 100, evenly spaced in the logarithm, weights proportional to c^(-1/4): small effects are the
// likelier and the harder ones.
Grid make_grid() {
  Grid grid;
  constexpr int n = HarmProcess::kEffects;
  double sum = 0;
  for (int j = 0; j < n; ++j) {
    grid.odds[j] = 1.3 * std::pow(100 / 1.3, static_cast<double>(j) / (n - 1));
    sum += std::pow(grid.odds[j], -0.25);
  }
  for (int j = 0; j < n; ++j) grid.log_weight[j] = -0.25 * std::log(grid.odds[j]) - std::log(sum);
  return grid;
}

const Grid& grid() {
  static const Grid kGrid = make_grid();
  return kGrid;
}

double log_start_share(int tick, int max_ticks) {
  if (tick == 0) return std::log(kFirstStart);
  return tick <= max_ticks ? std::log((1 - kFirstStart) / max_ticks) : kLogZero;
}

// ln of the wealth not yet bet after `ticks` ticks.
double log_unstarted(int ticks, int max_ticks) {
  if (ticks == 0) return 0;
  const double left = (1 - kFirstStart) * (1 - static_cast<double>(ticks - 1) / max_ticks);
  return left > 0 ? std::log(left) : kLogZero;
}

}  // namespace

HarmProcess advance(const HarmProcess& process, const HarmTest& test, const Counts& canary, const Counts& baseline,
                    double p0_hat, double phi) {
  if (canary.total <= 0 || (test.limit.theta > 0 && baseline.total <= 0)) return process;
  HarmProcess next = process;
  const double log_start = log_start_share(process.ticks, test.max_ticks);
  std::array<double, HarmProcess::kEffects> weighted;
  for (int j = 0; j < HarmProcess::kEffects; ++j) {
    next.log_a[j] = log_add(process.log_a[j], log_start) +
                    log_e(test.limit, canary, baseline, p0_hat, grid().odds[j]) / phi;
    weighted[j] = grid().log_weight[j] + next.log_a[j];
  }
  next.ticks = process.ticks + 1;
  const double started = log_sum(weighted);
  const double unstarted = log_unstarted(next.ticks, test.max_ticks);
  next.log_e = log_add(started, unstarted);
  const double highest = process.log_e + test.cap;
  if (test.cap > 0 && next.log_e > highest) {
    const double surplus = started - log_subtract(highest, unstarted);
    for (double& a : next.log_a) a -= surplus;
    next.log_e = highest;
  }
  return next;
}

HealthProcess advance(const HealthProcess& process, const Limit& limit, const Counts& canary, const Counts& baseline,
                      double p0_hat, double phi) {
  if (canary.total <= 0 || baseline.total <= 0) return process;
  HealthProcess next = process;
  constexpr int n = HealthProcess::kEffects;
  constexpr double kLast = 0.9;
  const double first = std::min(kLast, std::max(0.02, 0.7 * p0_hat / limit.at(p0_hat)));
  const double ratio = std::pow(kLast / first, 1.0 / (n - 1));
  std::array<double, n> weighted;
  double odds = first;
  for (int j = 0; j < n; ++j, odds *= ratio) {
    next.log_a[j] += log_e(limit, canary, baseline, p0_hat, odds) / phi;
    weighted[j] = next.log_a[j] - std::log(static_cast<double>(n));
  }
  next.log_e = log_sum(weighted);
  return next;
}

}  // namespace sluice::judge
