#include "controller/judge/e_process.h"

#include <algorithm>
#include <cmath>

namespace sluice::judge {
namespace {

// What a prior comes to, worked out once.
struct Bets {
  std::array<double, HarmProcess::kEffects> odds{};
  std::array<double, HarmProcess::kEffects> log_weight{};
  double first_start = 0;
  double log_staked = 0, log_kept = kLogZero;  // of each tick
};

Bets make_bets(const Prior& prior) {
  Bets bets;
  constexpr int n = HarmProcess::kEffects;
  double sum = 0;
  for (std::size_t j = 0; j < n; ++j) {
    bets.odds[j] = prior.lowest * std::pow(prior.highest / prior.lowest, static_cast<double>(j) / (n - 1));
    sum += std::pow(bets.odds[j], -prior.decay);
  }
  for (std::size_t j = 0; j < n; ++j) bets.log_weight[j] = -prior.decay * std::log(bets.odds[j]) - std::log(sum);
  bets.first_start = prior.first_start;
  bets.log_staked = std::log(prior.stake);
  if (prior.stake < 1) bets.log_kept = std::log(1 - prior.stake);
  return bets;
}

const Bets& bets_on(Effects effects) {
  static const std::array kAll{make_bets(prior(Effects::Failures)), make_bets(prior(Effects::Latency)), make_bets(prior(Effects::Design))};
  return kAll[static_cast<std::size_t>(effects)];
}

double log_start_share(double first_start, int tick, int max_ticks) {
  if (tick == 0) return std::log(first_start);
  return tick <= max_ticks ? std::log((1 - first_start) / max_ticks) : kLogZero;
}

// ln of the wealth not yet bet after `ticks` ticks.
double log_unstarted(double first_start, int ticks, int max_ticks) {
  if (ticks == 0) return 0;
  const double left = (1 - first_start) * (1 - static_cast<double>(ticks - 1) / max_ticks);
  return left > 0 ? std::log(left) : kLogZero;
}

bool informs(const Limit& limit, const Counts& canary, const Counts& baseline) {
  return canary.total > 0 && (limit.theta == 0 || baseline.total > 0);
}

// Odds multiples of the outage's limit that are as far beyond it as `odds` are beyond the usual one.
std::array<double, HarmProcess::kEffects> added_to_outage(const std::array<double, HarmProcess::kEffects>& odds, const Limit& limit,
                                                          double usual, double outage) {
  const double from = limit.at(usual), to = limit.at(outage);
  std::array<double, HarmProcess::kEffects> added = odds;
  if (to >= 1) return added;  // nothing is beyond it, and nothing is bet
  for (double& c : added) {
    const double p1 = std::min(0.5 * (1 + to), to + odds_multiple(from, c) - from);
    c = p1 / (1 - p1) * (1 - to) / to;
  }
  return added;
}

// Whether a tick has more failures, the canary's counted twice, than harm of p1 explains, with ample room for chance.
bool unexplained(const Limit& limit, const Counts& canary, double p1, const Counts& baseline, double p0, double phi) {
  const double from_canary = canary.total * p1, from_baseline = baseline.total * p0;
  const double most = 2 * (from_baseline + 2 * from_canary) + 4 * std::sqrt(phi * (from_baseline + 4 * from_canary)) + 4 * phi;
  if (baseline.bad + 2 * canary.bad <= most) return false;
  // Fair only where failures are rare even at the baseline's rate at which every second tick is beyond `most`.
  const double rate = (most - 2 * canary.total * limit.delta) / (baseline.total + 2 * limit.theta * canary.total);
  return limit.at(rate) <= 1.0 / 3;
}

// What a bet pays in such a tick.
const double kLogUnexplained = std::log(0.9);

// From the second largest effect on no tick is beyond explanation: there a canary of which everything fails is found.
constexpr std::size_t kExplained = HarmProcess::kEffects - 2;

}  // namespace

void update(HarmProcess& process, const HarmTest& test, const Counts& canary, const Counts& baseline, double p0_hat, double phi,
            double usual) {
  if (!informs(test.limit, canary, baseline)) return;
  const Bets& bets = bets_on(test.effects);
  std::array<double, HarmProcess::kEffects> gain, weighted;
  const auto odds = usual < p0_hat ? added_to_outage(bets.odds, test.limit, usual, p0_hat) : bets.odds;
  log_e(test.limit, canary, baseline, p0_hat, odds, gain);
  if (test.limit.theta > 0) {
    const double limit = std::min(1.0, test.limit.at(p0_hat));
    for (std::size_t j = 0; j < kExplained; ++j)
      if (unexplained(test.limit, canary, odds_multiple(limit, odds[j]), baseline, p0_hat, phi)) gain[j] = phi * kLogUnexplained;
  }
  const double log_start = log_start_share(bets.first_start, process.ticks, test.max_ticks);
  for (std::size_t j = 0; j < gain.size(); ++j) {
    process.log_a[j] = log_add(process.log_a[j], log_start) + log_add(bets.log_staked + gain[j] / phi, bets.log_kept);
    weighted[j] = bets.log_weight[j] + process.log_a[j];
  }
  ++process.ticks;
  const double started = log_sum(weighted);
  const double unstarted = log_unstarted(bets.first_start, process.ticks, test.max_ticks);
  const double highest = process.log_e + test.cap;
  process.log_e = log_add(started, unstarted);
  if (test.cap > 0 && process.log_e > highest) {
    const double surplus = started - log_subtract(highest, unstarted);
    for (double& a : process.log_a) a -= surplus;
    process.log_e = highest;
  }
}

bool unusual(const Limit& limit, const Counts& baseline, double p0_hat) {
  const double usual = std::min(1.0, limit.at(p0_hat)) * baseline.total;
  return baseline.total > 0 && baseline.bad > usual + 3 * std::sqrt(usual) + 3;
}

void update(HealthProcess& process, const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat, double phi) {
  if (!informs(limit, canary, baseline)) return;
  constexpr std::size_t n = HealthProcess::kEffects;
  constexpr double kLast = 0.9;
  const double first = std::min(kLast, std::max(0.02, 0.7 * p0_hat / limit.at(p0_hat)));
  const double ratio = std::pow(kLast / first, 1.0 / (n - 1));
  std::array<double, n> odds, gain;
  odds[0] = first;
  for (std::size_t j = 1; j < n; ++j) odds[j] = odds[j - 1] * ratio;
  log_e(limit, canary, baseline, p0_hat, odds, gain);
  HealthProcess next = process;
  for (std::size_t j = 0; j < n; ++j) next.log_a[j] += gain[j] / phi;
  static const double kLogShare = std::log(static_cast<double>(n));
  next.log_e = log_sum(next.log_a) - kLogShare;
  if (next.log_e <= process.log_e || !unusual(limit, baseline, p0_hat)) process = next;
}

}  // namespace sluice::judge
