#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "common/core/percent.h"
#include "controller/judge/latency_bounds.h"
#include "controller/judge/replay.h"
#include "controller/judge/sentence.h"
#include "controller/judge_tool/commands.h"
#include "controller/judge_tool/outlook_plot.h"
#include "controller/judge_tool/printable.h"
#include "controller/judge_tool/slo_option.h"
#include "controller/judge_tool/tick_line.h"

namespace sluice::judge_tool {
namespace {

Expected<double> share_of(const std::string& flag, const std::string& text, double low, double high) {
  const auto share = parse_percent(text);
  if (!share) return fail(flag, share.error());
  if (!(*share > low && *share < high))
    return fail(Error::Kind::Invalid, flag + " is " + printable(text) + ": give a percentage above " + format_percent(low) + " and below " +
                                          format_percent(high));
  return *share;
}

Unexpected wrong(const std::string& flag, double value, const std::string& cure) {
  return fail(Error::Kind::Invalid, flag + " is " + number(value) + ": " + cure);
}

// --buckets, read as replay reads those of a line.
Expected<judge::LatencyHistory> history_of(const std::string& buckets) {
  nlohmann::json line{{"time", 0}, {"arm", "baseline"}, {"slo", "latency"}};
  line["buckets"] = nlohmann::json::parse(buckets, nullptr, /*allow_exceptions=*/false);
  if (line["buckets"].is_discarded() || line["buckets"].is_null())
    return fail(Error::Kind::Invalid, "--buckets is " + printable(buckets) +
                                          ": give a JSON object of cumulative counts such as {\"0.1\":600,\"0.25\":671,\"+Inf\":675}");
  const auto read = parse_tick_line(line.dump());
  if (!read) return fail("--buckets", read.error());
  judge::LatencyHistory history;
  history.total = read->requests;
  for (const auto& [bound, count] : read->buckets) {
    history.bounds.push_back(bound);
    history.above.push_back(read->requests - count);
  }
  return history;
}

Expected<Situation> situation_of(const PlanFlags& flags) {
  Situation s;
  s.rate = flags.rate;
  if (!(s.rate > 0 && s.rate <= 1e9)) return wrong("--rps", s.rate, "give the requests per second of both arms, above 0");
  const auto base = share_of("--base", flags.base, 0, 1);
  if (!base) return Unexpected(base.error());
  s.base = *base;
  s.phi = flags.phi;
  if (s.phi && !(*s.phi >= 1 && *s.phi <= judge::kLargestPhi)) return wrong("--phi", *s.phi, "give 1 (independent errors) to 1024");
  const auto longest = parse_duration(flags.max_duration);
  if (!longest) return fail("--max-duration", longest.error());
  const auto tick = parse_duration(flags.tick);
  if (!tick) return fail("--tick", tick.error());
  if (*tick < Duration(1'000)) return fail(Error::Kind::Invalid, "--tick is " + format_duration(*tick) + ": give 1s or more");
  if (*longest < *tick)
    return fail(Error::Kind::Invalid, "--max-duration is " + format_duration(*longest) + ", less than a tick of " + format_duration(*tick));
  s.max_seconds = seconds(*longest);
  s.tick_seconds = seconds(*tick);
  auto plan = plan_of(flags.limits);
  if (!plan) return Unexpected(plan.error());
  s.plan = *std::move(plan);
  s.plan.max_ticks = static_cast<int>(std::max<long long>(1, *longest / *tick));
  s.plan.tick_seconds = s.tick_seconds;
  if (flags.limits.slos.size() > 1)
    return fail(Error::Kind::Invalid, "--slo is given " + std::to_string(flags.limits.slos.size()) + " times: plan one SLO at a time");
  const auto slo = parse_slo_option(flags.limits.slos.empty() ? "errors" : flags.limits.slos.front());
  if (!slo) return Unexpected(slo.error());
  s.plan.slos = {slo->plan};
  if (slo->is_distribution() == flags.buckets.empty())
    return fail(Error::Kind::Invalid, slo->is_distribution() ? "--slo with slowdown needs --buckets, how long the baseline's requests take"
                                                             : "--buckets is of an SLO with slowdown only: add --slo latency:slowdown=5%");
  if (slo->is_distribution()) {
    auto history = history_of(flags.buckets);
    if (!history) return Unexpected(history.error());
    auto bounds = judge::choose_bounds(*history, slo->plan.slowdown);
    if (!bounds) return fail("--buckets", bounds.error());
    s.latency = *std::move(history);
    s.plan.slos.front().bounds = *std::move(bounds);
  }
  if (auto ok = judge::check(s.plan); !ok) return Unexpected(ok.error());
  return s;
}

std::string cell(const std::optional<double>& seconds, double longest) {
  if (!seconds) return "tolerated";
  return about(*seconds) + (*seconds > longest ? " (!)" : "");
}

// Per ratio whether it can be done, in words, and what would help if it cannot.
std::string words(const Situation& s, const std::vector<double>& weights, double ratio, std::size_t width) {
  std::vector<double> late;
  std::optional<double> enough;
  for (const double w : weights) {
    const auto time = seconds_to_fail(s, w, ratio);
    if (time && *time <= s.max_seconds) enough = enough ? std::min(*enough, w) : w;
    else late.push_back(w);
  }
  const std::string what = s.latency ? "A canary that takes " + number(ratio) + "x as long"
                                     : "A " + number(ratio) + "x regression (" + format_percent(s.base, 4) + " to " +
                                           format_percent(std::min(0.999, s.base * ratio), 4) + ")";
  const std::string longest = about(s.max_seconds);
  const auto list = [](const std::vector<double>& all) {
    std::string text;
    for (std::size_t i = 0; i < all.size(); ++i) text += (i == 0 ? "" : i + 1 == all.size() ? " and " : ", ") + format_percent(all[i]);
    return text;
  };
  if (late.empty())
    return wrapped(what + " is proven within " + longest + " at " +
                       (weights.size() > 1 ? "every weight above" : format_percent(weights.front()) + " weight") + ".",
                   width, 0);
  if (enough)
    return wrapped(
        what + " is proven within " + longest + " from " + format_percent(*enough) + " weight on, typically not at " + list(late) + ".",
        width, 0);
  const double weight = *std::max_element(late.begin(), late.end());
  const bool tolerated = !seconds_to_fail(s, weight, ratio);
  std::string text =
      wrapped(what + (tolerated ? " is never proven."
                                : " is typically NOT proven within " + longest + " at " + list(late) + " weight. What would help" +
                                      (late.size() > 1 ? " at " + format_percent(weight) : std::string()) + ":"),
              width, 0);
  for (const std::string& line : advice(s, weight, ratio)) text += wrapped(line, width, 2, "- ");
  return text;
}

std::string limits(const Situation& s) {
  const judge::SloPlan& slo = s.plan.slos.front();
  if (s.latency) {
    std::string text = "judged at ";
    for (std::size_t i = 0; i < slo.bounds.size(); ++i)
      text += (i == 0                       ? ""
               : i + 1 == slo.bounds.size() ? " and "
                                            : ", ") +
              judge::as_seconds(slo.bounds[i].seconds) + " (" + format_percent(slo.bounds[i].share, 4) +
              (i == 0 ? " of the baseline's requests take longer)" : ")");
    return text + ". Tolerated: a slow-down of " + format_percent(slo.slowdown) + ". Promotion proves: at no bound much more.";
  }
  const judge::Limit harm = judge::harm_limit(slo), health = judge::health_limit(s.plan, slo);
  return format_percent(s.base, 4) + " bad in the baseline. Tolerated: at most " + number(harm.theta) + "x the baseline + " +
         format_percent(harm.delta, 4) + ". Promotion proves: at most " + number(health.theta) + "x the baseline + " +
         format_percent(health.delta, 4) + ".";
}

void tell(const Situation& s, const std::vector<double>& weights, const std::vector<double>& ratios, const World& world) {
  world.out << wrapped(s.plan.slos.front().name + ": " + number(s.rate) + " requests/s, " + limits(s) + " falseRollback " +
                           format_percent(s.plan.alpha) + ", falsePromotion " + format_percent(s.plan.beta) + ", ticks of " +
                           about(s.tick_seconds) + ".",
                       world.width, 0)
            << '\n';
  std::vector<std::vector<std::string>> rows{{"weight"}};
  for (const double ratio : ratios) rows[0].push_back(number(ratio) + "x proven in");
  rows[0].push_back("promotion in");
  for (const double w : weights) {
    rows.push_back({format_percent(w)});
    for (const double ratio : ratios) rows.back().push_back(cell(seconds_to_fail(s, w, ratio), s.max_seconds));
    rows.back().push_back(cell(seconds_to_pass(s, w), s.max_seconds));
  }
  world.out << table(rows) << '\n';
  const Efficiency factor = s.efficiency();
  world.out << wrapped(
      "Typical times: half of the rollouts take less; (!) is beyond maxDuration, " + about(s.max_seconds) +
          ". The factor: " + number(factor.fail) + " times the fewest requests that any test with these error rates needs" +
          (s.latency ? " at the bound where the shift shows most" : "") + ", as measured in simulated rollouts; one in twenty takes " +
          number(factor.fail_slow) + " times. " +
          (s.phi ? "Evidence is divided by " + number(*s.phi) + " (calibrated)."
                 : "Not calibrated: the judge estimates while judging how clumpy errors are, and evidence that clumps would explain does "
                   "not count.") +
          " Promotion: of a canary as good as the baseline, " + number(factor.pass) + " times the fewest, after at least " +
          std::to_string(s.plan.min_ticks) + " ticks and " + number(s.plan.min_requests) + " canary requests.",
      world.width, 0);
  for (const double ratio : ratios) world.out << '\n' << words(s, weights, ratio, world.width);
}

void tell_json(const Situation& s, const std::vector<double>& weights, const std::vector<double>& ratios, const World& world) {
  using nlohmann::ordered_json;
  const auto seconds_or_null = [](const std::optional<double>& seconds) {
    return seconds ? ordered_json(*seconds) : ordered_json(nullptr);
  };
  ordered_json rows = ordered_json::array(), bounds = ordered_json::array();
  for (const judge::LatencyBound& bound : s.plan.slos.front().bounds)
    bounds.push_back({{"seconds", bound.seconds}, {"share", bound.share}, {"tolerated", bound.theta * bound.share}});
  for (const double w : weights) {
    ordered_json proofs = ordered_json::array();
    for (const double ratio : ratios) {
      const auto time = seconds_to_fail(s, w, ratio);
      ordered_json proof{{"ratio", ratio}, {"seconds", seconds_or_null(time)}, {"withinMaxDuration", time && *time <= s.max_seconds}};
      if (const auto lines = advice(s, w, ratio); !lines.empty()) proof["advice"] = lines;
      proofs.push_back(std::move(proof));
    }
    rows.push_back({{"weight", w}, {"regressions", std::move(proofs)}, {"promotionSeconds", seconds_or_null(seconds_to_pass(s, w))}});
  }
  const ordered_json root{
      {"requestsPerSecond", s.rate},
      {"base", s.latency ? ordered_json(nullptr) : ordered_json(s.base)},
      {"bounds", bounds},
      {"maxDurationSeconds", s.max_seconds},
      {"tickSeconds", s.tick_seconds},
      {"calibrated", s.phi.has_value()},
      {"phi", s.phi.value_or(1)},
      {"factor", {{"fail", s.efficiency().fail}, {"failOneInTwenty", s.efficiency().fail_slow}, {"promotion", s.efficiency().pass}}},
      {"weights", std::move(rows)}};
  world.out << root.dump(2) << '\n';
}

}  // namespace

Expected<judge::TrialPlan> plan_of(const LimitFlags& flags) {
  judge::TrialPlan plan;
  const auto alpha = share_of("--false-rollback", flags.false_rollback, 0, 0.5);
  if (!alpha) return Unexpected(alpha.error());
  const auto beta = share_of("--false-promotion", flags.false_promotion, 0, 0.5);
  if (!beta) return Unexpected(beta.error());
  const auto margin = parse_percent(flags.margin);
  if (!margin) return fail("--margin", margin.error());
  plan.alpha = *alpha;
  plan.beta = *beta;
  plan.margin = *margin;
  plan.burn = flags.burn;
  plan.min_requests = flags.min_requests;
  plan.min_ticks = flags.min_ticks;
  return plan;
}

Expected<void> plan(const PlanFlags& flags, const World& world) {
  const auto situation = situation_of(flags);
  if (!situation) return Unexpected(situation.error());
  std::vector<double> weights;
  for (const std::string& text : flags.weights) {
    const auto weight = share_of("--weight", text, 0, 1);
    if (!weight) return Unexpected(weight.error());
    weights.push_back(*weight);
  }
  for (const double ratio : flags.ratios)
    if (!(ratio > 1 && ratio <= 1e6)) return wrong("--ratio", ratio, "give how many times as bad, above 1");
  if (!flags.svg.empty()) {
    std::ofstream file(flags.svg, std::ios::binary);
    file << plot(*situation, weights);
    file.close();
    if (!file)
      return fail(Error::Kind::Invalid, "--svg " + printable(flags.svg, 200) + ": cannot be written: check the folder and its rights");
  }
  (flags.json ? tell_json : tell)(*situation, weights, flags.ratios, world);
  return {};
}

}  // namespace sluice::judge_tool
