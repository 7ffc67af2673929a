#include "controller/judge_tool/outlook.h"

#include <algorithm>
#include <cmath>

#include "common/core/percent.h"
#include "controller/judge_tool/printable.h"

namespace sluice::judge_tool {
namespace {

double bad_share(const Situation& s, double ratio) { return std::min(s.base * ratio, 0.999); }

const judge::SloPlan& slo(const Situation& s) { return s.plan.slos.front(); }

// A verdict takes some ticks however much traffic there is.
double at_least(const Situation& s, double seconds, int ticks) { return std::max(seconds, ticks * s.tick_seconds); }

std::string times(double ratio) { return number(ratio) + "x"; }

std::optional<double> requests_for_shift(const Situation& s, double weight, double ratio) {
  const auto& bounds = slo(s).bounds;
  const double needed = std::log(1 / s.plan.alpha);
  std::optional<double> requests;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const judge::Limit limit = judge::harm_limit(slo(s), static_cast<int>(i));
    const double p1 = std::min(0.999, judge::share_above(*s.latency, bounds[i].seconds / ratio));
    if (p1 <= limit.at(bounds[i].share)) continue;
    const auto some = judge::requests_for(needed, limit, p1, bounds[i].share, (1 - weight) / weight, s.phi.value_or(1));
    if (some && (!requests || *some < *requests)) requests = some;
  }
  return requests;
}

std::optional<double> requests_for_ratio(const Situation& s, double weight, double ratio) {
  const double p1 = bad_share(s, ratio);
  // With an objective the two tests share the evidence: each needs twice as much.
  const auto absolute = judge::objective_limit(s.plan, slo(s));
  const double needed = std::log((absolute ? 2 : 1) / s.plan.alpha);
  std::optional<double> requests;
  for (const auto& limit : {std::optional(judge::harm_limit(slo(s))), absolute}) {
    if (!limit || p1 <= limit->at(s.base)) continue;
    const auto some = judge::requests_for(needed, *limit, p1, s.base, (1 - weight) / weight, s.phi.value_or(1));
    if (some && (!requests || *some < *requests)) requests = some;
  }
  return requests;
}

}  // namespace

std::optional<double> seconds_to_fail(const Situation& s, double weight, double ratio) {
  const auto requests = (s.latency ? requests_for_shift : requests_for_ratio)(s, weight, ratio);  // of the canary
  if (!requests) return std::nullopt;
  // The first tick only tells the baseline's rate.
  return at_least(s, s.efficiency().fail * *requests / (s.rate * weight), 1 + s.plan.fail_ticks);
}

std::optional<double> seconds_to_pass(const Situation& s, double weight) {
  const auto requests = judge::requests_to_pass(s.plan, slo(s), {s.base, weight, s.phi.value_or(1)});
  if (!requests) return std::nullopt;
  return at_least(s, std::max(s.efficiency().pass * *requests, s.plan.min_requests) / (s.rate * weight), s.plan.min_ticks);
}

std::optional<double> smallest_ratio(const Situation& s, double weight, double seconds) {
  const auto in_time = [&](double ratio) {
    const auto time = seconds_to_fail(s, weight, ratio);
    return time && *time <= seconds;
  };
  double low = 1, high = s.latency ? 1000.0 : std::min(1000.0, 0.999 / s.base);
  if (!in_time(high)) return std::nullopt;
  for (int i = 0; i < 60; ++i) {
    const double middle = std::sqrt(low * high);
    (in_time(middle) ? high : low) = middle;
  }
  return high;
}

std::vector<std::string> advice(const Situation& s, double weight, double ratio) {
  const auto now = seconds_to_fail(s, weight, ratio);
  if (now && *now <= s.max_seconds) return {};
  std::vector<std::string> lines;
  if (!now && s.latency)
    return {"It lies within what is tolerated (a slow-down of " + format_percent(slo(s).slowdown) +
            "), or no bucket ends where it would show, so it is not looked for, however long the run."};
  if (!now) {
    const judge::Limit limit = judge::harm_limit(slo(s));
    lines.push_back("It lies within what is tolerated (" + format_percent(limit.at(s.base), 4) + " of the requests may be bad, it makes " +
                    format_percent(bad_share(s, ratio), 4) + "), so it is not looked for, however long the run.");
    lines.push_back("Tolerances, relative and absolute, that together allow less than " + format_percent(bad_share(s, ratio), 4) +
                    " would make it count.");
    return lines;
  }
  double best_weight = weight, best = *now;
  for (double w = std::floor(weight * 20 + 1 + 1e-9) / 20; w <= 0.5 + 1e-9; w += 0.05)
    if (const auto time = seconds_to_fail(s, w, ratio); time && *time < best) {
      best = *time;
      best_weight = w;
      if (best <= s.max_seconds) break;
    }
  if (best_weight > weight)
    lines.push_back("Higher weight: at " + format_percent(best_weight, 0) + " it takes " + about(best) +
                    (best <= s.max_seconds ? ", which is in time." : ", which is still too long."));
  lines.push_back("Longer: maxDuration of " + about(*now) + " instead of " + about(s.max_seconds) + ".");
  lines.push_back("More traffic: " + number(s.rate * *now / s.max_seconds) + " requests per second instead of " + number(s.rate) + ".");
  if (const auto ratio_in_time = smallest_ratio(s, weight, s.max_seconds))
    lines.push_back("Looser: be content with finding regressions of " + times(std::ceil(*ratio_in_time * 10) / 10) +
                    " and more, which are proven in time.");
  if (!s.phi) {
    Situation calibrated = s;
    calibrated.phi = 1;
    if (const auto time = seconds_to_fail(calibrated, weight, ratio); time && *time < *now)
      lines.push_back("Calibrated: if replays of the service's own past find independent errors (replay --calibrate), it takes " +
                      about(*time) + ".");
  }
  constexpr double kLooseAlpha = 0.05;
  if (s.plan.alpha < kLooseAlpha) {
    Situation loose = s;
    loose.plan.alpha = kLooseAlpha;
    if (const auto time = seconds_to_fail(loose, weight, ratio))
      lines.push_back("Looser: with falseRollback 5% instead of " + format_percent(s.plan.alpha) + " it takes " + about(*time) + ".");
  }
  if (s.latency) return lines;
  Situation strict = s;
  strict.plan.slos.front().absolute = std::min(slo(s).absolute, 1e-6);
  if (const auto time = seconds_to_fail(strict, weight, ratio); time && *time < 0.8 * *now)
    lines.push_back("Narrower tolerance: without the absolute " + format_percent(slo(s).absolute, 4) + " it takes " + about(*time) + ".");
  return lines;
}

}  // namespace sluice::judge_tool
